"""
Where a database is and who asks: what ``connection`` of a source says, read.

Sources: PostgreSQL ("Connection URIs", "Parameter Key Words"), MySQL ("Command Options
for Encrypted Connections": ``--ssl-mode``), MariaDB 10.11 (no ``ssl-mode``; ``--ssl``
goes on without encryption where the server has none, ``--ssl-verify-server-cert`` does
not), both ("Option Files": ``loose-`` and the groups that a program reads). What
follows:

* Nothing is left out in silence. What a URL says of encryption is passed on; what is
  not known is refused, as is a URL of another sort of database, before any program
  runs. A password over a connection that nobody checked is no less lost for a good
  dump.
* Which of the two programs is there is not asked: Oracle's reads ``loose-ssl-mode`` and
  MariaDB's its own group, so that neither goes on without what was asked for.
* No word of it is repeated in a refusal, not even a name: a ``?`` in a password that is
  not written ``%3F`` makes parameters of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from reconciler.errors import Rejected

Kind = Literal["mysql", "postgres"]
_SCHEMES: Final[Mapping[Kind, frozenset[str]]] = {
    "mysql": frozenset({"mysql", "mariadb"}),
    "postgres": frozenset({"postgres", "postgresql"}),
}
#: What libpq reads, and is no secret.
_LIBPQ: Final = frozenset({
    "application_name", "channel_binding", "connect_timeout", "gssencmode", "host",
    "hostaddr", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "options", "passfile", "port", "require_auth",
    "requirepeer", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert",
    "sslcertmode", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation",
    "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout", "user",
})  # fmt: skip
#: What both clients of MySQL read in an option file; with ``-``.
_CLIENT: Final = frozenset({
    "connect-timeout", "socket", "ssl-ca", "ssl-capath", "ssl-cert", "ssl-cipher",
    "ssl-crl", "ssl-crlpath", "ssl-key", "tls-version",
})  # fmt: skip
_MODE: Final = "ssl-mode"
_MODES: Final = frozenset(
    {"DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"}
)
_NAMES: Final[Mapping[Kind, frozenset[str]]] = {
    "mysql": _CLIENT | {_MODE, "unix-socket"},
    "postgres": _LIBPQ,
}
#: What frameworks write into the same URL for themselves: a dump needs none of it.
_THEIRS: Final = frozenset({"charset", "encoding", "pool", "schema", "serverversion"})
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Server(NamedTuple):
    """
    Where a database is, and who asks; None is the local socket's default.

    Attributes:
        options: The text of an option file of MySQL, or the path of one.
        more: What else is passed on: names as the client of its kind knows them.
    """

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = None
    options: str | None = None
    more: Mapping[str, str] = _NONE

    @classmethod
    def of(cls, connection: str | None, kind: Kind) -> Server:
        """
        Read *connection*: a URL; of MySQL the text or the path of an option file too.

        Which database is dumped the source says, not the URL's path.

        Raises:
            Rejected: It is none of them, or says what would not be passed on; what it
                says is not repeated.
        """
        if connection is None:
            return cls()
        if connection.lstrip().startswith("[") or connection.startswith("/"):
            if kind != "mysql":
                raise Rejected(
                    "connection is an option file, which PostgreSQL does not read",
                    hint="write postgresql://USER:PASSWORD@HOST/, with ?passfile=PATH "
                    "where the password is in a file",
                )
            return cls(options=connection)
        try:
            url = urlsplit(connection)
            port = url.port
            more = _query(url.query)
        except ValueError:
            raise Rejected("connection is no URL and no option file") from None
        _believed(url, more, kind)
        return cls(
            host=url.hostname,
            port=port,
            user=unquote(url.username) if url.username else None,
            password=unquote(url.password) if url.password else None,
            more={name: one for name, one in more.items() if name in _NAMES[kind]},
        )

    def libpq(self, database: str, passfile: str | None) -> str:
        """Return a connection string of libpq for *database*, without the password."""
        words: dict[str, str | None] = {"host": self.host, "user": self.user}
        words["port"] = str(self.port) if self.port else None
        words |= self.more
        words |= {"passfile": passfile} if passfile else {}
        words["dbname"] = database
        return " ".join(f"{name}={_word(one)}" for name, one in words.items() if one)

    def option_file(self) -> str | None:
        """
        Return the option file that says how MySQL is reached; None: it says nothing.

        Raises:
            Rejected: Something in it has a line end.
        """
        if self.options is not None:
            return self.options
        told = {
            "host": self.host,
            "port": str(self.port) if self.port else None,
            "user": self.user,
            "password": self.password,
            "socket": self.more.get("unix-socket"),
            **{name: one for name, one in self.more.items() if name in _CLIENT},
        }
        rows = [f'{key}="{_quoted(one)}"' for key, one in told.items() if one]
        rows += _encryption(self.more)
        return "\n".join(["[client]", *rows, ""]) if rows else None


def _query(query: str) -> dict[str, str]:
    """Return the parameters of a URL; raises ValueError where one has no value."""
    if not query:
        return {}
    # A plus is a plus: only forms of web pages make a space of it.
    rows = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    if not all(value for _, value in rows):
        raise ValueError("a parameter has no value")
    return {_name(name): value for name, value in rows}


def _name(name: str) -> str:
    """Return *name* as the client writes it: of MySQL's some have both spellings."""
    dashed = name.lower().replace("_", "-")
    return dashed if dashed in _NAMES["mysql"] else name.lower()


def _believed(url: SplitResult, more: Mapping[str, str], kind: Kind) -> None:
    """Raise Rejected where a URL says what would not come about."""
    if url.scheme not in _SCHEMES[kind]:
        wanted = "postgresql" if kind == "postgres" else kind
        raise Rejected(f"connection is no URL of {wanted}")
    if url.fragment:
        raise Rejected("connection has a # in it", hint="in a password write %23")
    if more.keys() - _NAMES[kind] - _THEIRS:
        raise Rejected(
            "connection has a parameter that is not known, and would be left out",
            hint=f"known are {', '.join(sorted(_NAMES[kind]))}; "
            "in a password write %3F for ? and %26 for &",
        )
    if _MODE in more and more[_MODE].upper() not in _MODES:
        raise Rejected(
            f"connection has another {_MODE} than there are",
            hint=f"one of {', '.join(sorted(_MODES))}",
        )


def _encryption(more: Mapping[str, str]) -> list[str]:
    """Return the lines that say how far the connection is checked, for both clients."""
    mode = more.get(_MODE, "").upper()
    if not mode and more.keys() & {"ssl-ca", "ssl-capath"}:
        mode = "VERIFY_CA"  # as MySQL's own client takes it
    if not mode:
        return []
    lines = [f'loose-{_MODE}="{mode}"']
    if mode == "DISABLED":
        lines += ["[client-mariadb]", "skip-ssl"]
    elif mode != "PREFERRED":
        lines += ["[client-mariadb]", "ssl-verify-server-cert"]
    return lines


def _quoted(value: str) -> str:
    if "\n" in value or "\r" in value:
        raise Rejected("connection has a line end in it")
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _word(value: str) -> str:
    """Return *value* as libpq's connection strings want it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
