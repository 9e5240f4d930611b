"""The environment of the demo: the user's model, and no other secret of the user."""

from aicity_fleet.embedded.fleet import fleet_programs, flower_program
from aicity_fleet.simulator.demo import _environment, _simulator_program


def test_a_key_of_the_models_file_reaches_no_process_of_the_demo(tmp_path):
    (tmp_path / "models.toml").write_text('[strong]\nmodel = "m"\nkey = "STRONG_API_KEY"\n')
    user = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "sk-of-the-user",
        "AGENT_CITY_API_KEY": "ac_live_of_the_user",
        "FLEET_MODELS_FILE": str(tmp_path / "models.toml"),
        "STRONG_API_KEY": "strong-of-the-user",
    }
    env = _environment(user, "redis://:of-the-demo@h:1/0")
    programs = [
        *fleet_programs(env, workers=1, threads=1),
        flower_program(env, port=1, password="p"),
        _simulator_program(tmp_path / "port", env),
    ]
    holders = {program.name for program in programs if "of-the-user" in str(program.env)}
    assert holders == {"worker1"}
    assert all("strong" not in str(program.env) for program in programs)
    assert all("ac_live" not in str(program.env) for program in programs)


def test_a_models_file_that_cannot_be_read_does_not_stop_the_demo():
    env = _environment({"PATH": "/bin", "FLEET_MODELS_FILE": "/nowhere"}, "redis://h:1/0")
    assert "FLEET_MODELS_FILE" not in env
    assert fleet_programs(env, workers=1, threads=1)
