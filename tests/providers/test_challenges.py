"""Proofs of names in zones of a real PowerDNS, and the servers that have to show them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import pytest

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.providers._authoritative import Server, declared, missing
from reconciler.providers._challenges import PATIENCE, DnsChallenges, Zone
from reconciler.providers._octodns_texts import merged
from reconciler.providers._webroots import Webroots
from tests.support.pebble import Town, now
from tests.support.powerdns import real_powerdns

_numbers = itertools.count()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    for pdns in real_powerdns(folder / "pdns"):
        yield Town(folder, pdns, None)  # type: ignore[arg-type]


@pytest.fixture
def name(town: Town) -> str:
    found = f"z{next(_numbers)}.example"
    town.zone(found, ("_acme-challenge.kept", "TXT", ['"declared"']))
    return found


def one(*values: str) -> frozenset[str]:
    return frozenset(values)


class Late:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def clock(self) -> Any:
        return now() + timedelta(seconds=self.slept)


@pytest.mark.real
class TestOnPowerDns:
    def test_values_come_beside_others_and_go_alone(
        self, town: Town, name: str
    ) -> None:
        proofs = town.challenges()
        texts = {
            f"_acme-challenge.kept.{name}": one("a", "b"),
            f"_acme-challenge.new.{name}": one("c"),
        }
        assert proofs.present(texts) == {}
        assert town.texts(name) == {
            f"_acme-challenge.kept.{name}": {"declared", "a", "b"},
            f"_acme-challenge.new.{name}": {"c"},
        }
        assert proofs.present(texts) == {}  # the same again does nothing
        assert proofs.remove(texts) == {}
        assert town.texts(name) == {f"_acme-challenge.kept.{name}": {"declared"}}
        assert proofs.remove(texts) == {}

    def test_a_zone_is_changed_once_for_all_its_names(
        self, town: Town, name: str
    ) -> None:
        texts = {f"_acme-challenge.n{n}.{name}": one(f"v{n}") for n in range(100)}
        before = town.writer.requests().get("patch-zone", 0)
        proofs = town.challenges()
        assert proofs.present(texts) == {}
        assert town.writer.requests()["patch-zone"] == before + 1
        assert proofs.remove(texts) == {}
        assert town.writer.requests()["patch-zone"] == before + 2

    def test_many_zones_at_once_though_the_server_stumbles(self, town: Town) -> None:
        """SQLite locks: PowerDNS answers 500 where two changes meet."""
        zones = [f"z{next(_numbers)}.example" for _ in range(24)]
        for zone in zones:
            town.zone(zone)
        texts = {f"_acme-challenge.{zone}": one("a") for zone in zones}
        proofs = town.challenges()
        assert proofs.present(texts) == {}
        assert proofs.remove(texts) == {}
        assert [town.texts(zone) for zone in zones] == [{}] * 24

    def test_what_a_killed_run_left_is_swept(self, town: Town, name: str) -> None:
        first = town.challenges()
        first.present({f"_acme-challenge.{name}": one("left")})
        second = town.challenges()  # another process, with the same notes
        texts = {f"_acme-challenge.b.{name}": one("new")}
        second.present(texts)
        assert f"_acme-challenge.{name}" in town.texts(name)
        second.remove(texts)
        assert town.texts(name) == {f"_acme-challenge.kept.{name}": {"declared"}}
        assert town.notes.kept[f"challenges/{name}"] == {}

    def test_what_another_order_still_shows_is_not_swept(
        self, town: Town, name: str
    ) -> None:
        proofs = town.challenges()
        mine, yours = (
            {f"_acme-challenge.{n}.{name}": one(n)} for n in ("mine", "yours")
        )
        proofs.present(mine)
        proofs.present(yours)
        proofs.remove(mine)
        assert f"_acme-challenge.yours.{name}" in town.texts(name)
        proofs.remove(yours)
        assert f"_acme-challenge.yours.{name}" not in town.texts(name)

    def test_what_is_resumed_is_not_swept(self, town: Town, name: str) -> None:
        """A killed run left it, and this one shows it again."""
        left = {f"_acme-challenge.{name}": one("left")}
        other = {f"_acme-challenge.b.{name}": one("other")}
        town.challenges().present(left)
        second = town.challenges()
        second.present(left)
        second.present(other)
        second.remove(other)
        assert town.texts(name)[f"_acme-challenge.{name}"] == {"left"}
        second.remove(left)
        assert f"_acme-challenge.{name}" not in town.texts(name)

    def test_aliases_are_followed_into_other_zones(self, town: Town, name: str) -> None:
        alias = f"z{next(_numbers)}.example"
        again = f"z{next(_numbers)}.example"
        town.zone(alias, ("_acme-challenge", "CNAME", [f"x.{again}."]))
        town.zone(again, ("x", "CNAME", [f"Y.{name}."]))
        proofs = town.challenges()
        texts = {f"_acme-challenge.{alias}": one("followed")}
        assert proofs.present(texts) == {}
        assert town.texts(name)[f"y.{name}"] == {"followed"}
        assert proofs.remove(texts) == {}
        assert f"y.{name}" not in town.texts(name)

    def test_an_alias_of_itself_has_an_end(self, town: Town) -> None:
        loop = f"z{next(_numbers)}.example"
        town.zone(
            loop,
            ("_acme-challenge", "CNAME", [f"b.{loop}."]),
            ("b", "CNAME", [f"_acme-challenge.{loop}."]),
        )
        asked = f"_acme-challenge.{loop}"
        assert town.challenges().present({asked: one("a")}) == {
            asked: "one alias after the other"
        }

    def test_an_alias_into_a_zone_of_nobody(self, town: Town) -> None:
        zone = f"z{next(_numbers)}.example"
        town.zone(zone, ("_acme-challenge", "CNAME", ["x.elsewhere.test."]))
        asked = f"_acme-challenge.{zone}"
        said = town.challenges().present({asked: one("a")})
        assert said == {asked: "x.elsewhere.test is in no declared Domain with records"}

    def test_what_is_delegated_away_is_told(self, town: Town) -> None:
        zone = f"z{next(_numbers)}.example"
        town.zone(zone, ("shop", "NS", ["ns1.other.example."]))
        asked = f"_acme-challenge.a.shop.{zone}"
        said = town.challenges().present(
            {asked: one("a"), f"_acme-challenge.{zone}": one("b")}
        )
        assert said == {asked: f"shop.{zone} is delegated away: declare it as a Domain"}
        assert town.texts(zone) == {f"_acme-challenge.{zone}": {"b"}}

    def test_a_name_in_no_zone(self, town: Town) -> None:
        said = town.challenges().present({"_acme-challenge.nowhere.test": one("a")})
        assert "in no declared Domain" in said["_acme-challenge.nowhere.test"]

    def test_a_zone_that_its_account_does_not_have(self, town: Town, name: str) -> None:
        proofs = town.challenges(zone_of=lambda _: Zone("gone.example", ("pdns",)))
        asked = "_acme-challenge.gone.example"
        assert proofs.present({asked: one("a")}) == {
            asked: "gone.example at pdns: there is no such zone"
        }

    def test_a_slow_server_is_waited_for(self, town: Town, name: str) -> None:
        late = Late()
        real = declared(f"127.0.0.1:{town.pdns.dns_port}")[0]
        slow = Server(
            "ns2", lambda asked: real.ask(asked if late.slept > 20 else f"no.{name}")
        )
        proofs = DnsChallenges(
            town.challenges()._world._replace(servers=lambda _: [real, slow]),
            late.clock,
            late.sleep,
            town.notes,
        )
        assert proofs.present({f"_acme-challenge.{name}": one("a")}) == {}
        assert 20 < late.slept < 30

    def test_and_not_for_ever(self, town: Town, name: str) -> None:
        late = Late()
        real = declared(f"127.0.0.1:{town.pdns.dns_port}")[0]
        stale = Server("ns2.host.example", lambda _: real.ask(f"no.{name}"))
        proofs = DnsChallenges(
            town.challenges()._world._replace(servers=lambda _: [real, stale]),
            late.clock,
            late.sleep,
            town.notes,
        )
        asked = f"_acme-challenge.{name}"
        said = proofs.present({asked: one("a")})
        assert said == {asked: "ns2.host.example does not show it yet"}
        assert late.slept >= PATIENCE.total_seconds()
        proofs.remove({asked: one("a")})
        assert asked not in town.texts(name)

    def test_where_the_dns_cannot_be_asked_it_is_given_time(
        self, town: Town, name: str
    ) -> None:
        def nobody(_: Zone) -> list[Server]:
            raise Transient("no root server answers")

        slept: list[float] = []
        proofs = town.challenges(servers=nobody, sleep=slept.append)
        assert proofs.present({f"_acme-challenge.{name}": one("a")}) == {}
        assert slept == [30.0]

    def test_a_zone_that_moves_meanwhile_is_read_again(
        self, town: Town, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As where a vendor refuses a change of what is not there any more."""
        left: list[type[Exception]] = [Rejected, Ambiguous]
        write = town.writer._write

        def once(*given: Any) -> None:
            if left:
                raise left.pop()("the record set has moved")
            write(*given)

        monkeypatch.setattr(town.writer, "_write", once)
        asked = f"_acme-challenge.{name}"
        assert town.challenges().present({asked: one("a")}) == {}
        assert left == []
        assert town.texts(name)[asked] == {"a"}


class TestWebroots:
    def test_files_come_whole_and_go(self, tmp_path: Path) -> None:
        roots = Webroots({"a": tmp_path, "b": tmp_path / "none"}.get)
        assert roots.present(["a"], {"token-1": "said"}) is None
        place = tmp_path / ".well-known" / "acme-challenge"
        assert (place / "token-1").read_text() == "said"
        assert (place / "token-1").stat().st_mode & 0o777 == 0o644
        assert [path.name for path in place.iterdir()] == ["token-1"]
        roots.remove(["a"], {"token-1": "said", "token-2": ""})
        assert [*place.iterdir()] == []

    def test_a_folder_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        roots = Webroots({"b": tmp_path / "none"}.get)
        assert "no such folder" in str(roots.present(["b"], {"t": "said"}))
        assert not (tmp_path / "none").exists()
        assert "settings.webroot" in str(roots.present(["c"], {"t": "said"}))

    @pytest.mark.parametrize("token", ["../../x", "a/b", "", ".", "a\0b", "a" * 129])
    def test_an_authority_does_not_name_a_path(
        self, tmp_path: Path, token: str
    ) -> None:
        (tmp_path / "www").mkdir()
        (tmp_path / "x").write_text("kept")
        roots = Webroots(lambda _: tmp_path / "www")
        assert "is no name" in str(roots.present(["a"], {token: "said"}))
        roots.remove(["a"], {token: "said"})
        assert (tmp_path / "x").read_text() == "kept"
        assert [*(tmp_path / "www").iterdir()] == []


def never(_key: str, _row: tuple[str, ...]) -> str | None:
    return None


class TestMerging:
    def test_what_is_there_already_is_nothing_to_write(self) -> None:
        live = {"_acme-challenge/TXT": ("300", "a")}
        found = merged("a.test", live, {"_acme-challenge.a.test": one("a")}, {}, never)
        assert found.todo == {}

    def test_the_time_to_live_of_others_stays(self) -> None:
        live = {"_acme-challenge/TXT": ("300", "a")}
        found = merged("a.test", live, {"_acme-challenge.a.test": one("b")}, {}, never)
        assert found.todo == {"_acme-challenge/TXT": ("300", "a", "b")}

    def test_a_record_set_goes_with_its_last_value(self) -> None:
        live = {"x/TXT": ("60", "a"), "y/TXT": ("60", "a", "b")}
        drop = {"x.a.test": one("a"), "y.a.test": one("a"), "z.a.test": one("a")}
        found = merged("a.test", live, {}, drop, never)
        assert found.todo == {"x/TXT": None, "y/TXT": ("60", "b")}

    def test_what_a_vendor_cannot_hold_is_told(self) -> None:
        found = merged("a.test", {}, {"x.a.test": one("a")}, {}, lambda *_: "no TXT")
        assert found.todo == {}
        assert found.written.refused == {"x.a.test": "no TXT"}


def says(*texts: str, code: int = 0, aa: bool = True) -> Callable[[str], Any]:
    def ask(name: str) -> dns.message.Message:
        made = dns.message.make_response(dns.message.make_query(name, "TXT"))
        made.set_rcode(code)
        made.flags |= dns.flags.AA if aa else 0
        for text in texts:
            made.answer.append(
                dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", f'"{text}"')
            )
        return made

    return ask


class TestServers:
    def look(self, *asks: Callable[[str], Any]) -> dict[str, str]:
        servers = [Server(f"ns{n}", ask) for n, ask in enumerate(asks, 1)]
        wanted = {"x.test": one("a")}
        return missing(wanted, [(s, s.texts(wanted)) for s in servers])

    def test_every_server_has_to_show_it(self) -> None:
        assert self.look(says("a"), says("a", "b")) == {}
        assert self.look(says("a"), says("b")) == {"x.test": "ns2 does not show it yet"}
        assert self.look(says("a"), says(code=3)) == {
            "x.test": "ns2 does not show it yet"
        }

    def test_one_that_does_not_serve_the_zone_holds_nothing_up(self) -> None:
        assert self.look(says("a"), says(code=2)) == {}
        assert self.look(says("a"), says(code=5)) == {}
        assert self.look(says("a"), says("b", aa=False)) == {}

    def test_one_at_least_has_to_answer(self) -> None:
        assert self.look(says(code=2)) == {"x.test": "no server of the zone answers"}

    def test_nobody_there_is_no_answer(self) -> None:
        (silent,) = declared("127.0.0.1:9")
        assert silent.texts(["x.test"]) is None

    @pytest.mark.parametrize(
        ("places", "labels"),
        [
            ("192.0.2.1", ["192.0.2.1"]),
            (
                "192.0.2.1:5300, [2001:db8::1]:53",
                ["192.0.2.1:5300", "[2001:db8::1]:53"],
            ),
            ("2001:db8::1", ["2001:db8::1"]),
            ("", []),
        ],
    )
    def test_places_are_read_as_they_are_written(
        self, places: str, labels: list[str]
    ) -> None:
        assert [server.label for server in declared(places)] == labels
