"""What a registrar knows, whatever its wire format: accounts and registrations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from reconciler.errors import ReconcilerError
from reconciler.model import Money, Period
from reconciler.sandbox.emulator import Bench

YEAR = Period(months=12)
#: After the paid date: auto-renew grace, redemption (RFC 3915), pending delete.
GRACE = timedelta(days=30)
REDEMPTION = timedelta(days=60)
GONE = timedelta(days=65)

Phase = Literal["active", "grace", "redemption", "pending-delete", "gone"]
#: Cents a year, where the world says nothing else.
USUAL_PRICE = 1108
_NS = ["ns1.registrar.example", "ns2.registrar.example"]


class Seed(BaseModel):
    """A part of the world as it is written: camelCase, nothing undeclared."""

    model_config = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class DomainSeed(Seed):
    """
    One registration.

    Attributes:
        expires: Days from the start of the sandbox; negative is in the past.
        created: The same, for the day it was registered.
        price: What one year costs to renew, where it is not the TLD's price.
        premium: A premium name; Porkbun's API does not renew those.
        api_access: Opted in to the API (Porkbun).
        auto_renew_fails: The registrar's own renewal does not work (no money, a
            card that expired at the registrar): somebody else has to do it.
        min_years: The shortest term the registry sells.
        prohibited: The registrar does not renew it for now (Gandi).
        begins: The first day on which it does (Gandi), counted as ``expires``.
        ds: DS records at the registry, as ``KEYTAG ALGORITHM DIGESTTYPE DIGEST``.
        glue: Nameservers inside the domain, with their addresses.
        transfer: A transfer away that is under way, in the vendor's words.
        restore: What it costs to buy it back from redemption.
    """

    expires: float
    created: float = -800.0
    auto_renew: bool = True
    locked: bool = True
    privacy: bool = True
    nameservers: list[str] = Field(default=_NS, min_length=2)
    price: Money | None = None
    premium: bool = False
    api_access: bool = True
    auto_renew_fails: bool = False
    min_years: int = 1
    prohibited: bool = False
    begins: float | None = None
    ds: list[str] = []
    glue: dict[str, list[str]] = {}
    transfer: str | None = None
    restore: Money = Money.model_validate("80.00 USD")


class AccountSeed(Seed):
    """
    One account.

    Attributes:
        login: The public half of its credentials (API key, user name).
        secret: The other half.
        name: Who it is, where the vendor can be asked.
        balance: Prepaid credit, in USD (at Gandi in any currency: its prices', too).
        user: Its token is a person's, who reaches every account (DNSimple).
        scoped: Its token may not read what was paid.
        hosted: Names that are served and not registered here (DNSimple).
    """

    login: str
    secret: str
    name: str = ""
    balance: Money = Money.model_validate("1000.00 USD")
    domains: dict[str, DomainSeed] = {}
    user: bool = False
    scoped: bool = False
    hosted: list[str] = []


class RegistrarSeed(Seed):
    """
    A registrar.

    Attributes:
        accounts: Its accounts; credentials are fixed fake strings.
        prices: What a year costs, by TLD; every other TLD costs 11.08 USD.
        rate_limits: Whether the documented rate limits are kept.
        latency: How many seconds pass until an order is carried out, where the
            vendor answers before that.
    """

    accounts: Annotated[list[AccountSeed], Field(min_length=1)]
    prices: dict[str, Money] = {}
    rate_limits: bool = True
    latency: float = 0.0


def seeded(bench: Bench) -> RegistrarSeed:
    """
    Fill a new bench from its world and return the registrar's settings.

    Raises:
        ReconcilerError: The world does not say what a registrar needs.
    """
    try:
        seed = RegistrarSeed.model_validate(bench.world)
    except ValidationError as error:
        raise ReconcilerError(
            f"the sandbox world of {bench.vendor} cannot be read: {error}"
        ) from error
    if not bench.state:
        now = bench.clock()
        bench.state.update(
            accounts=[_account(one, now) for one in seed.accounts],
            orders=[],
            keys={},
            hits={},
            settled=now.isoformat(),
            prices={tld: price.minor for tld, price in seed.prices.items()},
        )
    return seed


def _account(seed: AccountSeed, now: datetime) -> dict[str, Any]:
    return {
        "login": seed.login,
        "secret": seed.secret,
        "name": seed.name or seed.login,
        "balance": seed.balance.minor,
        "currency": seed.balance.currency,
        "moved": None,
        "user": seed.user,
        "scoped": seed.scoped,
        "hosted": seed.hosted,
        "domains": {name: _domain(d, now) for name, d in seed.domains.items()},
    }


def _domain(seed: DomainSeed, now: datetime) -> dict[str, Any]:
    whole = now.replace(microsecond=0)
    return {
        **seed.model_dump(exclude={"expires", "created", "price", "restore", "begins"}),
        "expires": (whole + timedelta(days=seed.expires)).isoformat(),
        "created": (whole + timedelta(days=seed.created)).isoformat(),
        "begins": None
        if seed.begins is None
        else (whole + timedelta(days=seed.begins)).isoformat(),
        "price": seed.price.minor if seed.price else None,
        "restore": seed.restore.minor,
        "renewed": None,
        "updated": None,
    }


def registrations(given: Mapping[str, Any], now: datetime) -> dict[str, dict[str, Any]]:
    """Return registrations as they are kept; raise ReconcilerError if they are none."""
    return {
        name: _domain(_validated(dict(fields)), now) for name, fields in given.items()
    }


def written(seed: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return what is kept of one registration, as it is written in a world."""
    return _domain(_validated(dict(seed)), now)


def account_of(
    state: dict[str, Any], login: str, secret: str, fault: str
) -> dict[str, Any] | None:
    """Return the account these credentials open; another one if *fault* says so."""
    for account in state["accounts"]:
        if account["login"] == login and account["secret"] == secret:
            found: dict[str, Any] = account
            return _other(state, found) if fault == "wrong-account" else found
    return None


def account_by_token(
    state: dict[str, Any], token: str, fault: str
) -> dict[str, Any] | None:
    """Return the account that a token alone opens; see ``account_of``."""
    for account in state["accounts"]:
        if token and account["secret"] == token:
            return account_of(state, account["login"], token, fault)
    return None


_STRANGER: dict[str, Any] = {
    "login": "",
    "secret": "",
    "name": "someone-else",
    "balance": 0,
    "currency": "USD",
    "moved": None,
    "user": False,
    "scoped": False,
    "hosted": [],
    "domains": {},
}


def _other(state: dict[str, Any], account: dict[str, Any]) -> dict[str, Any]:
    others = [one for one in state["accounts"] if one is not account]
    return others[0] if others else _STRANGER


def price_of(state: dict[str, Any], name: str) -> int:
    """Return what a year of *name* costs, in cents."""
    own = next(
        (
            account["domains"][name]["price"]
            for account in state["accounts"]
            if name in account["domains"]
        ),
        None,
    )
    if own is not None:
        return int(own)
    return int(state["prices"].get(name.partition(".")[2], USUAL_PRICE))


def phase(domain: dict[str, Any], now: datetime) -> Phase:
    """Return where a registration stands at *now*."""
    late = now - datetime.fromisoformat(domain["expires"])
    if late < timedelta(0):
        return "active"
    for limit, name in (
        (GRACE, "grace"),
        (REDEMPTION, "redemption"),
        (GONE, "pending-delete"),
    ):
        if late < limit:
            return name  # type: ignore[return-value]  # each is a Phase
    return "gone"


def listed(account: dict[str, Any], now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Return the account's domains in order, without those that are gone."""
    return [
        (name, domain)
        for name, domain in sorted(account["domains"].items())
        if phase(domain, now) != "gone"
    ]


def extend(domain: dict[str, Any], years: int, now: datetime) -> None:
    """Renew a registration by *years*."""
    old = datetime.fromisoformat(domain["expires"])
    domain["expires"] = Period(months=12 * years).after(old).isoformat()
    domain["renewed"] = now.isoformat()


def updated(domain: dict[str, Any]) -> str:
    """Return when a registration was last changed."""
    moments = (domain[field] for field in ("created", "renewed", "updated"))
    return max(str(moment) for moment in moments if moment)


def debit(bench: Bench, account: dict[str, Any], cents: int) -> None:
    """Take *cents* from an account's credit."""
    account["balance"] -= cents
    account["moved"] = bench.clock().isoformat()


def let_time_pass(bench: Bench) -> None:
    """Do what the registrar does by itself: renew on the paid date what is set to."""
    now, last = bench.clock(), datetime.fromisoformat(bench.state["settled"])
    if now <= last:
        return
    bench.state["settled"] = now.isoformat()
    for account in bench.state["accounts"]:
        for name, domain in account["domains"].items():
            while last < datetime.fromisoformat(domain["expires"]) <= now:
                if not _auto_renewed(bench, account, name, domain):
                    break


def _auto_renewed(
    bench: Bench, account: dict[str, Any], name: str, domain: dict[str, Any]
) -> bool:
    price = price_of(bench.state, name)
    if not domain["auto_renew"] or domain["auto_renew_fails"]:
        return False
    if account["balance"] < price:
        return False
    debit(bench, account, price)
    extend(domain, 1, bench.clock())
    bench.effect("auto-renew", name, amount=str(Money.of_minor(price, "USD")))
    return True


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change something by hand, as at the registrar's web site.

    ``domain``: ``{name, <field>: value, ...}`` changes it; ``expires`` is in days
    from now; ``remove: true`` takes it out of the account; a name that is not there
    is registered in the first account. ``price``: ``{tld, price}``.

    Raises:
        ReconcilerError: There is no such thing, or no such field.
    """
    match thing, dict(data):
        case "domain", {"name": str() as name, **fields}:
            _edit_domain(bench, name, fields)
        case "price", {"tld": str() as name, "price": str() as price}:
            bench.state["prices"][name] = Money.model_validate(price).minor
        case _:
            raise ReconcilerError("post {name, ...} to domain or {tld, price} to price")
    bench.effect("by-hand", name, **{k: str(v) for k, v in data.items() if k != "name"})


def _edit_domain(bench: Bench, name: str, fields: dict[str, Any]) -> None:
    accounts = bench.state["accounts"]
    home = next((a for a in accounts if name in a["domains"]), accounts[0])["domains"]
    if fields.pop("remove", False):
        home.pop(name, None)
        return
    seed = _validated({"expires": 365, **fields})
    written = _domain(seed, bench.clock())
    written["updated"] = bench.clock().isoformat()
    given = seed.model_fields_set - (set() if "expires" in fields else {"expires"})
    changed = {field: written[field] for field in (*given, "updated")}
    home[name] = {**home[name], **changed} if name in home else written


def _validated(fields: dict[str, Any]) -> DomainSeed:
    try:
        return DomainSeed.model_validate(fields)
    except ValidationError as error:
        raise ReconcilerError(f"cannot change a domain so: {error}") from error
