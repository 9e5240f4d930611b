"""The only source of settings: the environment, read once, with all faults reported together.

A secret may also come from a file that ``NAME_FILE`` names. A process calls ``Settings.require`` for the
settings that it cannot do without: beat, for example, needs no key.
"""

from __future__ import annotations

import difflib
import os
import re
import ssl
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from aicity_fleet.errors import SettingsError
from aicity_fleet.faults import fault_list, faults_of
from aicity_fleet.redaction import HOLDERS, read_secret, secrets_in
from aicity_fleet.redis_address import check_redis_url

PRODUCTION_URL = "https://api.aicity.dev"
"""Source: docs.aicity.dev/docs/sdk. The contract adds the version prefix."""

NO_REPO_HOSTS = "none"
"""The value of ``FLEET_REPO_HOSTS`` that allows no host."""


def _check_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not an http:// or https:// URL with a host")
    if parts.username or parts.password:
        raise ValueError("must not carry a user name or password")
    return value.rstrip("/")


def _check_redis_url(value: SecretStr) -> SecretStr:
    check_redis_url(value.get_secret_value())
    return value


def _check_secret_url(value: SecretStr) -> SecretStr:
    text = _check_secret(value).get_secret_value()
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0 and " " not in text
    except ValueError:  # no address, or a port that is no number: its own words would show the URL
        is_whole = False
    if not is_whole or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise ValueError(
            "is not an http:// or https:// URL with a host, or it has a user name or password"
        )
    return SecretStr(text)


def _check_ca_file(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"names {path}, which holds no certificate in PEM format") from None
    except OSError as error:
        raise ValueError(f"names {path}, which cannot be read ({error.strerror})") from None
    return path


def _check_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text.isascii() or not text.isprintable():
        raise ValueError("contains characters that no key has; check that it was copied correctly")
    return SecretStr(text)


def _check_repo_hosts(value: str) -> str:
    hosts = [host.strip().lower() for host in value.split(",")]
    if hosts != [NO_REPO_HOSTS] and not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("must be host names separated by commas, or 'none'")
    return ",".join(hosts)


_HOST = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{0,62}")

CaFile = Annotated[Path, AfterValidator(_check_ca_file)]
HttpUrl = Annotated[str, AfterValidator(_check_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_check_redis_url)]
RepoHosts = Annotated[str, AfterValidator(_check_repo_hosts)]
SecretUrl = Annotated[SecretStr, AfterValidator(_check_secret_url)]
Secret = Annotated[SecretStr, AfterValidator(_check_secret)]


class Settings(BaseModel):
    """The settings of the fleet; the alias of each field is its environment variable."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    agent_key: Secret | None = Field(None, alias="AGENT_CITY_API_KEY")
    """The agent's own key (``ac_live_...``), returned once at registration."""
    owner_token: Secret | None = Field(None, alias="AGENT_CITY_OWNER_TOKEN")
    """The owner's token; only ``aicity-fleet register`` needs it."""
    base_url: HttpUrl = Field(PRODUCTION_URL, alias="AGENT_CITY_BASE_URL")
    """Where the AI City API is; a bare host gets the contract's version prefix."""
    bridge_url: HttpUrl = Field("http://localhost:3002", alias="BRIDGE_URL")
    """Where the guide's bridge service listens; only the contract ``bridge`` uses it."""
    contract: Literal["api", "bridge"] = Field("api", alias="FLEET_CONTRACT")
    """Which built-in description of the API to follow."""
    contract_file: Path | None = Field(None, alias="FLEET_CONTRACT_FILE")
    """A TOML file that overrides parts of the built-in contract."""
    openai_key: Secret | None = Field(None, alias="OPENAI_API_KEY")
    """The model provider's key."""
    openai_base_url: HttpUrl | None = Field(None, alias="OPENAI_BASE_URL")
    """An OpenAI-compatible endpoint to use instead of OpenAI's own."""
    model: str = Field("gpt-4o-mini", alias="FLEET_MODEL", min_length=1, max_length=100)
    """The model that the team uses. The default is the guide's choice."""
    model_timeout_seconds: float = Field(600, alias="FLEET_MODEL_TIMEOUT_SECONDS", gt=0, le=3600)
    """The longest that one model call may take."""
    model_first_token_seconds: float = Field(
        300, alias="FLEET_MODEL_FIRST_TOKEN_SECONDS", gt=0, le=3600
    )
    """How long a model may take to begin its answer, or for all of it if its server does not stream."""
    model_idle_seconds: float = Field(60, alias="FLEET_MODEL_IDLE_SECONDS", gt=0, le=3600)
    """How long a model may pause within an answer."""
    model_max_output_tokens: int | None = Field(
        None, alias="FLEET_MODEL_MAX_OUTPUT_TOKENS", ge=64, le=1_000_000
    )
    """The most tokens of one answer, thoughts included. The default is each team's own (16384)."""
    model_context_tokens: int | None = Field(
        None, alias="FLEET_MODEL_CONTEXT_TOKENS", ge=1000, le=100_000_000
    )
    """How many tokens the model can take in, prompt and answer together. A longer prompt is not sent."""
    model_temperature: float | None = Field(None, alias="FLEET_MODEL_TEMPERATURE", ge=0, le=2)
    """How random the answers are, from 0 to 2. The default is the provider's own."""
    model_max_concurrent_calls: int | None = Field(
        None, alias="FLEET_MODEL_MAX_CONCURRENT_CALLS", ge=0, le=10_000
    )
    """How many calls a worker process makes at once; 0 means any number. The default is 4 for a server of
    your own, and any number for a provider's."""
    model_input_usd: Decimal | None = Field(None, alias="FLEET_MODEL_INPUT_USD", ge=0, le=100_000)
    """Your price of a million tokens in, in US dollars. Set both prices or none."""
    model_output_usd: Decimal | None = Field(None, alias="FLEET_MODEL_OUTPUT_USD", ge=0, le=100_000)
    """Your price of a million tokens out, in US dollars."""
    model_list_prices: bool = Field(False, alias="FLEET_MODEL_LIST_PRICES")
    """Whether OpenAI's list prices hold at ``OPENAI_BASE_URL``, as behind a gateway to OpenAI."""
    model_tools: bool = Field(True, alias="FLEET_MODEL_TOOLS")
    """Whether the model can call functions. If not, it ends a hand-in with a marker line."""
    models_file: Path | None = Field(None, alias="FLEET_MODELS_FILE")
    """A TOML file with further models, by the aliases that teams use."""
    teams_dir: Path | None = Field(None, alias="FLEET_TEAMS_DIR")
    """A folder with the owner's teams, one TOML file each; they replace built-in ones."""
    engine: Literal["autogen", "plain"] = Field("autogen", alias="FLEET_ENGINE")
    """What runs a team's turns: AutoGen, or a plain loop over the same model clients."""

    repo_hosts: RepoHosts = Field(
        "github.com,codeload.github.com,gitlab.com,bitbucket.org", alias="FLEET_REPO_HOSTS"
    )
    """Hosts that specialists may fetch public repositories from, separated by commas; ``none`` for no host.
    A redirect must lead to one of them too."""

    redis_url: RedisUrl = Field(SecretStr("redis://127.0.0.1:6379/0"), alias="REDIS_URL")
    """The Redis that holds the ledger and the queues. Behind sentinels, all of them and the name of the
    primary: ``sentinel://host1:26379,host2:26379/0?master=mymaster``."""
    redis_password: SecretStr | None = Field(None, alias="REDIS_PASSWORD")
    """The password to use if ``REDIS_URL`` holds none."""
    redis_ca_file: CaFile | None = Field(None, alias="REDIS_CA_FILE")
    """A PEM file with the certificate of the authority that has signed that of a ``rediss://`` Redis, if
    this system does not know it."""

    start_wait_seconds: float = Field(15, alias="FLEET_START_WAIT_SECONDS", ge=0, le=600)
    """How long a starting process waits for Redis before it gives up."""

    agent: str = Field("default", alias="FLEET_AGENT", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    """This fleet's name within its Redis: several fleets can share one server."""
    poll_seconds: float = Field(30, alias="FLEET_POLL_SECONDS", ge=1, le=3600)
    """How often to ask AI City for assigned tasks."""
    sweep_seconds: float = Field(2, alias="FLEET_SWEEP_SECONDS", ge=0.1, le=5)
    """How often the sweep scans the ledger."""
    lease_seconds: float = Field(12, alias="FLEET_LEASE_SECONDS", ge=1, le=600)
    """How long a worker owns a job without renewing. It renews every 2 s, or three times per lease."""
    worker_threads: int = Field(100, alias="FLEET_WORKER_THREADS", ge=1, le=500)
    """How many jobs one worker process runs at once. They mostly wait for their model.
    ``FLEET_FREE_MEMORY_PERCENT`` bounds them besides."""
    free_memory_percent: int = Field(25, alias="FLEET_FREE_MEMORY_PERCENT", ge=0, le=100)
    """A worker that runs 20 jobs takes no further one while less than this share of the memory is free, of
    its container and of its machine, in percent. 0 for no limit."""
    max_running_jobs: int = Field(0, alias="FLEET_MAX_RUNNING_JOBS", ge=0)
    """How many jobs the whole fleet runs at once; 0 means as many as the workers can."""
    brake_failures: int = Field(5, alias="FLEET_BRAKE_FAILURES", ge=0, le=20)
    """After how many failures among the latest jobs the fleet runs one job at a time, until one passes. It
    counts what failed here, sent or held. 0 switches it off, and with it the slow start of a fleet that has
    not delivered yet."""
    brake_jobs: int = Field(8, alias="FLEET_BRAKE_JOBS", ge=1, le=20, validate_default=True)
    """How many of the latest jobs the brake looks at; at least ``FLEET_BRAKE_FAILURES``."""
    job_deadline_seconds: float = Field(900, alias="FLEET_JOB_DEADLINE_SECONDS", gt=0, le=86400)
    """How long one attempt at a job may take before it fails, without what its calls wait for a slot of
    their model, up to as long again."""
    max_job_tokens: int = Field(200_000, alias="FLEET_MAX_JOB_TOKENS", ge=1000)
    """How many tokens one job may buy, input and output together."""
    max_journal_bytes: int = Field(2_000_000, alias="FLEET_MAX_JOURNAL_BYTES", ge=1000)
    """How large one job's journal may grow in Redis, in bytes. A job that would exceed it fails."""
    max_job_usd: Decimal | None = Field(None, alias="FLEET_MAX_JOB_USD", gt=0, le=100_000)
    """How many US dollars one job may spend. No limit by default. Needs a known price for every model."""
    max_day_usd: Decimal | None = Field(None, alias="FLEET_MAX_DAY_USD", gt=0, le=100_000)
    """How many US dollars the whole fleet may spend in a day (UTC). No limit by default. At the limit jobs
    wait for the next day; none fails. Needs a known price for every model."""
    stop_at_loss: bool = Field(False, alias="FLEET_STOP_AT_LOSS")
    """Whether a job fails as soon as its next call would cost more than the task pays (85 % of maxBudget).
    Off by default: the money is already spent, the next call may deliver and earn all of it, and a failure
    costs reputation. AI City suspends an agent after three failures in a row."""
    max_input_chars: int = Field(200_000, alias="FLEET_MAX_INPUT_CHARS", ge=100)
    """How many characters a task may have in all its texts together. A longer task is refused."""
    pass_mark: int | None = Field(None, alias="FLEET_PASS_MARK", ge=0, le=100)
    """The lowest gate score with which a deliverable is sent. The default is each team's own (70)."""
    judge: str | None = Field(None, alias="FLEET_JUDGE", pattern=r"^[a-z][a-z0-9_-]{0,49}$")
    """The alias of a model that judges what the gate has passed, as the gate's second stage. Off by
    default. Each judgement is a model call more, and a rejection costs a round."""
    judge_pass_mark: int = Field(60, alias="FLEET_JUDGE_PASS_MARK", ge=0, le=100)
    """The lowest score of the judge with which a deliverable is sent."""
    judge_tokens: int = Field(60_000, alias="FLEET_JUDGE_TOKENS", ge=1000)
    """How many tokens the judging of one job may take, input and output together. They count in the job's
    own. When they are spent, the judge has no say."""
    drain_seconds: float = Field(6, alias="FLEET_DRAIN_SECONDS", ge=0, le=3600)
    """How long a stopping worker lets its model calls finish. Its supervisor must wait a few seconds
    longer. The default fits into the 10 s that Docker waits by default."""
    report_hours: float = Field(24, alias="FLEET_REPORT_HOURS", gt=0, le=720)
    """How long to resend an unanswered report before a person must look at it."""
    read_back_days: float = Field(7, alias="FLEET_READ_BACK_DAYS", ge=0, le=90)
    """For how many days a reported task is read again, to learn of refunds and failed checks; 0 for
    never."""
    retention_days: float = Field(
        14, alias="FLEET_RETENTION_DAYS", gt=0, le=365, validate_default=True
    )
    """How long a job stays readable that was reported, refused, cancelled or acknowledged; at least
    ``FLEET_READ_BACK_DAYS``."""
    archive: Path | None = Field(None, alias="FLEET_ARCHIVE")
    """The SQLite file into which the dispatcher copies every settled job before its retention ends. None by
    default; with ``up`` a file in its data folder. Several dispatchers of one machine may share it."""
    metrics_port: int = Field(0, alias="FLEET_METRICS_PORT", ge=0, le=65535)
    """The port at which the dispatcher serves metrics for Prometheus; 0 for none."""
    metrics_address: str = Field("127.0.0.1", alias="FLEET_METRICS_ADDRESS", min_length=1)
    """The address of this machine at which it serves them. Anyone who reaches it can read them: there is no
    password."""
    alert_webhook: SecretUrl | None = Field(None, alias="FLEET_ALERT_WEBHOOK")
    """A URL that takes ``{"text": ...}``, as Slack's incoming webhooks do. The dispatcher tells it when
    something needs a person."""
    otlp_endpoint: HttpUrl | None = Field(None, alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Where an OpenTelemetry collector takes traces over HTTP, without ``/v1/traces``. None by default, so
    that nothing is traced."""
    otlp_headers: Secret | None = Field(None, alias="OTEL_EXPORTER_OTLP_HEADERS")
    """What the collector asks for, such as a key: ``name=value``, separated by commas."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="FLEET_LOG_LEVEL")
    """The least severe event that is logged."""
    log_format: Literal["text", "json"] = Field("text", alias="FLEET_LOG_FORMAT")
    """How a log line is written."""

    @field_validator("brake_jobs", "retention_days")
    @classmethod
    def _check_not_less(cls, value: float, info: ValidationInfo) -> float:
        other = {"brake_jobs": "brake_failures", "retention_days": "read_back_days"}[
            str(info.field_name)
        ]
        least, field = info.data.get(other, 0), cls.model_fields[other]
        if least > value and least != field.default:  # a default gives way
            alias = field.alias
            raise ValueError(f"is {value:g}, and must be at least {alias}, which is {least:g}")
        return value

    _secrets: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of an environment.

        Args:
            environ: The variables; the process's own by default. Empty values count as unset.

        Raises:
            SettingsError: One or more variables are wrong; the message lists every one.
        """
        env = {k: v for k, v in (os.environ if environ is None else environ).items() if v.strip()}
        values, faults = _with_secret_files(env)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            faults += map(_with_remedy, faults_of(error))
        if faults:
            raise SettingsError(fault_list("These settings are wrong", faults))
        settings._secrets = secrets_in(env)
        return settings

    def require(self, *variables: str) -> None:
        """Check that each of these variables has a value.

        Raises:
            SettingsError: At least one has none; the message names all of them and the remedy.
        """
        faults = []
        for variable in variables:
            if getattr(self, _FIELD_OF[variable]) is None:
                faults.append(f"{variable}: is not set. {_REMEDIES[variable]}")
        if faults:
            raise SettingsError(fault_list("Settings are missing", faults))

    @property
    def brake(self) -> str:
        """When the fleet runs one job at a time, as ``ClaimTerms`` takes it; empty for never."""
        most = min(self.brake_failures, self.brake_jobs)
        return f"{most}/{self.brake_jobs}" if most else ""

    @property
    def secrets(self) -> Mapping[str, str]:
        """Every secret of this environment by variable, including the keys that the models file names."""
        return self._secrets

    @property
    def secret_texts(self) -> tuple[str, ...]:
        """Every text that no log, transcript, export or deliverable may hold."""
        url = self.broker_url()
        return (*self._secrets.values(), *([url] if urlsplit(url).password else ()))

    @property
    def redis_url_is_set(self) -> bool:
        """Whether the environment names a Redis."""
        return "redis_url" in self.model_fields_set

    @property
    def repo_host_names(self) -> frozenset[str]:
        """The hosts of ``FLEET_REPO_HOSTS``."""
        return frozenset(self.repo_hosts.split(",")) - {NO_REPO_HOSTS}

    def broker_url(self) -> str:
        """Return the Redis URL with the password and how TLS is checked. Never log it."""
        parts = urlsplit(self.redis_url.get_secret_value())
        if self.redis_password is not None and not parts.password:
            host = parts.netloc.rpartition("@")[2]
            password = quote(self.redis_password.get_secret_value(), safe="")
            parts = parts._replace(netloc=f"{parts.username or ''}:{password}@{host}")
        if (
            self.redis_tls
        ):  # redis-py and kombu read it here. Without it kombu checks no certificate.
            parts = parts._replace(query=urlencode(self.redis_tls))
        return urlunsplit(parts)

    @property
    def redis_tls(self) -> dict[str, str]:
        """How the certificate of a ``rediss://`` Redis is checked, as redis-py takes it; else empty."""
        if urlsplit(self.redis_url.get_secret_value()).scheme != "rediss":
            return {}
        tls = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
        if self.redis_ca_file is not None:
            tls["ssl_ca_certs"] = str(self.redis_ca_file)
        return tls

    @property
    def redis_database(self) -> int:
        """The number of the database within ``REDIS_URL``."""
        return int(urlsplit(self.redis_url.get_secret_value()).path.strip("/") or 0)

    def redis_address(self) -> str:
        """Return the Redis URL without user name and password, for messages."""
        parts = urlsplit(self.redis_url.get_secret_value())
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


_FIELD_OF = {str(field.alias): name for name, field in Settings.model_fields.items()}

_REMEDIES = {
    "AGENT_CITY_API_KEY": "Put the agent's key into it, or the path of a file with the key into "
    "AGENT_CITY_API_KEY_FILE. 'aicity-fleet register' creates a key; 'aicity-fleet demo' needs none.",
    "AGENT_CITY_OWNER_TOKEN": "Put the owner token into it (dashboard, Settings > Developer).",
    "FLEET_ALERT_WEBHOOK": "Put the URL of an incoming webhook into it, or the path of a file with the URL "
    "into FLEET_ALERT_WEBHOOK_FILE.",
    "OPENAI_API_KEY": "Put the model provider's key into it, or the path of a file with the key into "
    "OPENAI_API_KEY_FILE. For a local server that checks no key, any text will do.",
}


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return a sentence about each ``FLEET_*`` variable that is not a setting; most are misspelt."""
    sentences = []
    known = {*_FIELD_OF, *(f"{variable}_FILE" for variable in HOLDERS)}
    for variable in sorted(os.environ if environ is None else environ):
        if variable.startswith("FLEET_") and variable not in known:
            close = difflib.get_close_matches(variable, _FIELD_OF, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            sentences.append(f"{variable} is not a setting of the fleet and is ignored.{hint}")
    return sentences


def _with_secret_files(env: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the values of the settings, secrets from their files included, and what is wrong."""
    values = {variable: env[variable] for variable in _FIELD_OF if variable in env}
    faults: list[str] = []
    for variable in HOLDERS:
        secret = read_secret(variable, env, faults)
        if secret is not None:
            values[variable] = secret
    return values, faults


def _with_remedy(fault: str) -> str:
    place, _, reason = fault.partition(": ")
    field = Settings.model_fields[_FIELD_OF.get(place, place)]  # of a default, the field's name
    default = field.default
    hint = "" if default is None or isinstance(default, SecretStr) else f" (default: {default})"
    return f"{field.alias}: {reason}. Correct it or unset it{hint}."
