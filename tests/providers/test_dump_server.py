"""What a connection says is passed on, or refused: nothing of it is left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import Rejected
from reconciler.model.backing import Source
from reconciler.providers._dump import dumped
from reconciler.providers._dump_server import Kind, Server
from tests.support.drill_servers import yard

CLEAR = "pa55-word"
ENDS = {
    "mysql": ("mysqldump", "-- Dump completed"),
    "postgres": ("pg_dump", "-- PostgreSQL database dump complete"),
}


def source(kind: str) -> Source:
    return Source.model_validate({"type": kind, "database": "drill"})


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Return what the program of a kind is told, by its arguments and its files."""
    told, folder = tmp_path / "told", tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for program, end in ENDS.values():
        script = folder / program
        script.write_text(
            f'#!/bin/sh\necho "$*" > {told}\nfor one; do case $one in'
            " --result-file=*|--file=*) out=${one#*=};;"
            f" --defaults-extra-file=*) cat ${{one#*=}} >> {told};; esac; done\n"
            f"echo '{end}' > $out\n"
        )
        script.chmod(stat.S_IRWXU)

    def run(kind: str, connection: str) -> str:
        told.unlink(missing_ok=True)
        try:
            dumped(source(kind), None, tmp_path, connection, 20)
        except Rejected:
            assert not told.exists(), "nothing has run"
            raise
        return told.read_text()

    return run


WRONG = {
    "an option file": ("postgres", f"[client]\nhost=db.example\npassword={CLEAR}\n"),
    "the path of one": ("postgres", f"/etc/{CLEAR}.pgpass"),
    "MySQL of PostgreSQL": ("postgres", f"mysql://u:{CLEAR}@db.example/"),
    "PostgreSQL of MySQL": ("mysql", f"postgresql://u:{CLEAR}@db.example/"),
    "what nobody knows": ("postgres", f"postgresql://u:{CLEAR}@h/?sslmod=require"),
    "another's word": ("mysql", f"mysql://u:{CLEAR}@h/?sslmode=verify-full"),
    "a mode that is none": ("mysql", f"mysql://u:{CLEAR}@h/?ssl-mode=STRICT"),
    "no value": ("postgres", f"postgresql://u:{CLEAR}@h/?sslmode="),
    "no parameter": ("postgres", f"postgresql://u:{CLEAR}@h/?verify"),
    "a secret in it": ("postgres", f"postgresql://u@h/?password={CLEAR}"),
    "a ? in a password": ("mysql", f"mysql://u:x?{CLEAR}=1@h/"),
    "a # in a password": ("mysql", f"mysql://u:x#{CLEAR}@h/"),
    "two hosts": ("postgres", f"postgresql://u:{CLEAR}@h:5433,i:5434/"),
    "a line end": ("mysql", f"mysql://u:{CLEAR}%0Ax@h/"),
    "no URL": ("mysql", f"{CLEAR}.example"),
    "of the web": ("mysql", f"http://{CLEAR}/y"),
    "no port": ("mysql", f"mysql://u:{CLEAR}@h:port/"),
    "half a host": ("mysql", f"mysql://[/{CLEAR}"),
}


@pytest.mark.parametrize(("kind", "connection"), WRONG.values(), ids=WRONG)
def test_what_would_be_left_out_is_refused_before_anything_runs(said, kind, connection):
    with pytest.raises(Rejected) as refused:
        said(kind, connection)
    assert CLEAR not in f"{refused.value} {refused.value.hint}"


def test_what_a_url_says_of_encryption_is_passed_on(said):
    where = f"postgresql://u:{CLEAR}@db.example:5433/x?sslmode=verify-full"
    told = said("postgres", where + "&sslrootcert=/etc/it%27s+ca.pem")
    for one in ("host='db.example'", "port='5433'", "user='u'", "dbname='drill'"):
        assert one in told
    assert "sslmode='verify-full'" in told
    assert "sslrootcert='/etc/it\\'s+ca.pem'" in told
    assert CLEAR not in told
    told = said("mysql", f"mysql://u:{CLEAR}@h/?ssl_mode=verify_identity&ssl-ca=/c.pem")
    assert 'ssl-ca="/c.pem"' in told
    assert 'loose-ssl-mode="VERIFY_IDENTITY"' in told
    assert told.endswith("[client-mariadb]\nssl-verify-server-cert\n")


def test_what_frameworks_write_for_themselves_is_no_fault(said):
    said("mysql", "mysql://u:p@h/app?serverVersion=8.0.32&charset=utf8mb4")
    assert "charset" not in said("postgres", "postgres://u@h/a?schema=public&charset=u")


def test_a_password_may_be_in_a_file_of_ones_own(said):
    told = said("postgres", "postgresql:///x?host=/run/pg&user=me&passfile=/etc/me")
    for one in ("host='/run/pg'", "user='me'", "passfile='/etc/me'"):
        assert one in told


@pytest.mark.parametrize("more", ["ssl-mode=REQUIRED", "ssl-ca=/nowhere.pem"])
def test_mariadbs_client_does_not_go_on_unencrypted(tmp_path, more):
    with yard("mysql") as made:
        assert made.emptied().load("create table a (b int);") == ""
        where = made.server.connection
        dumped(source("mysql"), None, tmp_path, f"{where}&ssl-mode=PREFERRED", 60)
        with pytest.raises(Rejected, match="SSL is required"):
            dumped(source("mysql"), None, tmp_path, f"{where}&{more}", 60)


def test_libpq_gets_what_it_is_to_check(tmp_path):
    with yard("postgres") as made:
        where = made.server.connection
        dumped(source("postgres"), None, tmp_path, f"{where}&sslmode=prefer", 60)
        with pytest.raises(Rejected, match="sslmode"):
            dumped(source("postgres"), None, tmp_path, f"{where}&sslmode=some", 60)
        with pytest.raises(Rejected, match="requirepeer"):
            dumped(source("postgres"), None, tmp_path, f"{where}&requirepeer=no1", 60)


def test_what_would_break_out_of_an_option_file():
    kind: Kind = "mysql"
    told = Server.of("mysql://u:a%22b%5Cc@h/", kind).option_file()
    assert told == '[client]\nhost="h"\nuser="u"\npassword="a\\"b\\\\c"\n'


@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_no_place_of_that_server_is_in_a_dump(said, kind):
    """Another server has no such tablespaces, and MySQL 8 asks for PROCESS to tell."""
    assert "--no-tablespaces" in said(kind, f"{kind}://u@h/")
