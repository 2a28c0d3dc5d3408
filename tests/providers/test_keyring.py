"""The key stores: one contract for all of them, and what each has of its own."""

from __future__ import annotations

import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyrage
import pytest

from reconciler.cli.keyring import exposed
from reconciler.errors import Ambiguous, ProviderError, ReconcilerError, Rejected
from reconciler.model import Drawer, Material, SecretRef
from reconciler.providers._keyring import Apart, Around, KeyStores
from reconciler.providers._keys_document import named
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, account
from tests.support.material import kept_in, material, secrets_in

IDENTITY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
AWS = {"accessKeyId": "sandbox", "secretAccessKey": "sandbox-secret"}
PENDING = {"order": "https://ca.example/order/1", "names": ["shop.example"]}
STORES = ("file", "age", "aws", "vault")
NUMBERS = itertools.count()


class Case:
    """One store, new and empty, seen by as many keyrings as one likes."""

    def __init__(self, kind: str, folder: Path, sandbox: Sandbox) -> None:
        self.kind, self.folder, self.sandbox = kind, folder, sandbox
        self.identity = str(IDENTITY)
        self.declared = None
        self.rings = []
        fresh = f"keys-{next(NUMBERS)}"
        self.store = {
            "file": {"file": "keys"},
            "age": {
                "age": {
                    "folder": "keys",
                    "recipients": [str(IDENTITY.to_public())],
                    "identity": {"env": "AGE"},
                }
            },
            "aws": {"awsSecretsManager": {"provider": "main", "prefix": fresh}},
            "vault": {"vault": {"provider": "main", "path": f"secret/{fresh}"}},
        }[kind]

    def ring(self) -> KeyStores:
        made = KeyStores(
            Around(
                self.folder,
                lambda ref: self._secret(ref),  # noqa: PLW0108  (tests replace it)
                lambda name, needed: self._account(name, needed),  # noqa: PLW0108
                lambda at: exposed(at, {}),
            )
        )
        self.rings.append(made)
        return made

    def close(self) -> None:
        for ring in self.rings:
            ring.close()

    def want(self, name="shop.example", **more):
        return kept_in(self.store, name, **more)

    def _secret(self, ref: SecretRef) -> str:
        assert ref.env == "AGE"
        return f"# created: today\n{self.identity}\n"

    def _account(self, name, needed):
        vendor = {"aws": "aws", "vault": "vault"}[self.kind]
        secrets = AWS if vendor == "aws" else {"token": "sandbox-vault"}
        assert set(needed) <= set(secrets)
        made = account(self.sandbox, vendor, secrets)
        return made._replace(identity=self.declared)


@pytest.fixture(scope="module")
def sandbox():
    world = World({"aws": {}, "vault": {}})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as made:
        yield made


@pytest.fixture(params=STORES)
def case(request, tmp_path, sandbox):
    made = Case(request.param, tmp_path, sandbox)
    yield made
    made.close()


def only(kind):
    return pytest.mark.parametrize("case", [kind], indirect=True)


def test_nothing_is_kept_of_a_new_one(case):
    assert case.ring().open(case.want()) == Drawer()


def test_what_is_put_is_found_whole_by_everybody(case):
    want, kept = case.want(), material()
    first = case.ring().put(want, Drawer(pending=PENDING))
    assert first.version
    assert case.ring().open(want) == first
    second = case.ring().put(want, first._replace(current=kept, pending=None))
    assert second.version != first.version
    found = case.ring().open(want)
    assert found == Drawer(kept, None, second.version)


def test_each_certificate_has_its_own(case):
    ring = case.ring()
    ring.put(case.want(), Drawer(material()))
    assert ring.open(case.want("other.example")) == Drawer()
    ring.put(case.want("other.example"), Drawer(pending=PENDING))
    assert ring.open(case.want()).current == material()


@pytest.mark.parametrize("seen", [True, False])
def test_what_another_run_put_is_not_taken_back(case, seen):
    want, ours, theirs = case.want(), case.ring(), case.ring()
    before = theirs.put(want, Drawer(pending=PENDING)) if seen else Drawer()
    new = theirs.put(want, before._replace(current=material(number=1)))
    with pytest.raises(Rejected, match="changed by another run"):
        ours.put(want, before._replace(current=material(number=2)))
    assert ours.open(want) == new


def test_many_at_once_lose_nothing(case):
    """Eight runs count up in the same drawer, each as often as it takes."""
    want = case.want()
    case.ring().put(want, Drawer(pending={"n": 0}))

    def count(who):
        ring, missed = case.ring(), 0
        while True:
            seen = ring.open(want)
            try:
                n = seen.pending["n"] + 1
                ring.put(want, seen._replace(pending={"n": n, "by": who}))
            except Rejected:
                missed += 1
                assert missed < 200
            else:
                return

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(8)))
    assert case.ring().open(want).pending["n"] == 8


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "Shop", "käse", "a/b", "x" * 300, "ends-sixsix", "."]
)
def test_any_uid_has_a_place_of_its_own(case, uid):
    want = case.want(uid=uid)
    case.ring().put(want, Drawer(material()))
    assert case.ring().open(want).current == material()
    assert case.ring().open(case.want()) == Drawer()
    assert named(uid).startswith("sha256.")


def test_a_key_that_does_not_fit_is_not_kept(case):
    want = case.want()
    first = case.ring().put(want, Drawer(material(number=1)))
    mixed = Material(material(number=2).key, material(number=1).chain)
    for bad in (mixed, Material(b"no", mixed.chain), Material(mixed.key, b"")):
        with pytest.raises(Rejected, match="not kept") as failed:
            case.ring().put(want, first._replace(current=bad))
        unseen(failed.value, mixed)
    assert case.ring().open(want) == first


def test_the_key_of_an_account_is_no_certificates(case):
    want, kept = case.want(), material(number=1)
    ring = Apart(case.ring(), ["no key at all", kept.key.decode()])
    in_order = {"order": {"parts": [f"x {kept.key.decode()} y"]}}
    for bad in (Drawer(kept), Drawer(pending=in_order)):
        with pytest.raises(Rejected, match="account at the authority") as failed:
            ring.put(want, bad)
        unseen(failed.value, kept)
    assert ring.open(want) == Drawer()
    assert ring.put(want, Drawer(material(number=2))).version


# -- nothing of a key is ever shown ----------------------------------------------


def unseen(error: BaseException, kept: Material, *more: str) -> None:
    """Nothing that leads from *error* has a piece of the key."""
    said = "".join(traceback.format_exception(error)) + repr(error)
    at: BaseException | None = error
    while at is not None:
        said += f"{at!r} {at.__dict__!r} {at.args!r} {getattr(at, 'doc', '')!r}"
        at = at.__context__
    for piece in secrets_in(kept):
        assert piece not in said, more


def test_nothing_of_a_key_is_ever_shown(case, caplog):
    caplog.set_level(logging.DEBUG)
    want, kept, ring = case.want(), material(), case.ring()
    drawer = ring.put(want, Drawer(kept, {"key": kept.key.decode()}))
    found = ring.open(want)
    store = ring._store(want)
    shown = f"{drawer!r} {found!r} {ring!r} {store!r} {store.read(named(want.uid))!r}"
    for bad in ("x", "999", ""):
        with pytest.raises(Rejected, match="another run") as failed:
            ring.put(want, drawer._replace(version=bad, pending={"n": bad}))
        unseen(failed.value, kept)
    for piece in secrets_in(kept):
        assert piece not in shown + caplog.text


@pytest.mark.parametrize("vendor", ["aws", "vault"])
@pytest.mark.parametrize("kind", ["status", "status-after", "lost-after", "malformed"])
def test_nothing_of_a_key_is_in_what_a_vendor_says(
    tmp_path, sandbox, caplog, vendor, kind
):
    caplog.set_level(logging.DEBUG)
    case = Case(vendor, tmp_path, sandbox)
    want, kept = case.want(), material()
    text = " ".join(secrets_in(kept))
    status = 500 if kind == "status-after" else 400
    operation = {"aws": "CreateSecret", "vault": "write"}[vendor]
    fault = Fault(vendor=vendor, operation=operation, kind=kind, status=status)
    sandbox.inject(fault.model_copy(update={"text": text}))
    with pytest.raises(ProviderError) as failed:
        case.ring().put(want, Drawer(kept))
    unseen(failed.value, kept, kind)
    for piece in secrets_in(kept):
        assert piece not in caplog.text
    assert isinstance(failed.value, Rejected if kind == "status" else Ambiguous)
    case.close()


BROKEN = [
    b"",
    b"{",
    b"[]",
    b'{"format": "other", "uid": "shop.example"}',
    b'{"format": "reconciler.keys/v1", "uid": "other.example"}',
    b'{"format": "reconciler.keys/v1", "uid": "shop.example", "current": 1}',
    b'{"format": "reconciler.keys/v1", "uid": "shop.example", "pending": []}',
    b'{"format": "reconciler.keys/v1", "uid": "shop.example", "current": {"key": 1}}',
    (
        b'{"format": "reconciler.keys/v1", "uid": "shop.example",'
        b' "current": {"key": "KEY", "chain": "CHAIN"}}'
    ),
]


@pytest.mark.parametrize("raw", BROKEN)
@only("file")
def test_what_is_no_document_is_never_an_empty_drawer(case, raw):
    kept = material()
    line = secrets_in(kept)[0].encode()
    ring = case.ring()
    ring.put(case.want(), Drawer(kept))
    path = case.folder / "keys" / "shop.example.json"
    path.write_bytes(raw.replace(b"KEY", line))
    with pytest.raises(Rejected, match="key store") as failed:
        ring.open(case.want())
    unseen(failed.value, kept)


@only("file")
def test_a_pair_that_was_mixed_up_is_told_as_it_is(case):
    """The issuer mends it: to refuse it here would hold the certificate for ever."""
    one, two = material(number=1), material(number=2)
    case.ring().put(case.want(), Drawer(one))
    path = case.folder / "keys" / "shop.example.json"
    said = json.loads(path.read_bytes())
    said["current"]["key"] = two.key.decode()
    path.write_text(json.dumps(said))
    assert case.ring().open(case.want()).current == Material(two.key, one.chain)


# -- files -----------------------------------------------------------------------


@only("file")
def test_only_the_owner_can_read_it(case):
    old = os.umask(0)
    try:
        case.ring().put(case.want(), Drawer(material()))
    finally:
        os.umask(old)
    folder = case.folder / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in folder.iterdir()] == ["shop.example.json"]
    path = folder / "shop.example.json"
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(Rejected, match="others can read") as failed:
        case.ring().open(case.want())
    assert f"chmod 600 {path}" in failed.value.hint
    path.chmod(0o600)
    folder.chmod(0o750)
    with pytest.raises(Rejected, match="open to other users"):
        case.ring().open(case.want())


@only("file")
def test_a_link_is_not_followed(case, tmp_path):
    want = case.want()
    case.ring().put(want, Drawer(material()))
    path = case.folder / "keys" / "shop.example.json"
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(Rejected, match="cannot be read"):
        case.ring().open(want)


def git(folder, *argv):
    subprocess.run(["git", "-C", folder, *argv], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("ignore", "tracked", "fine"),
    [
        ("", False, False),
        ("/keys/\n", False, True),
        ("/keys/\n", True, False),
        ("*\n!/keys/\n!/keys/**\n", False, False),
        ("*.json\n", False, True),
    ],
)
@only("file")
def test_git_never_gets_a_key(case, ignore, tracked, fine):
    git(case.folder, "init", "-q")
    (case.folder / ".gitignore").write_text(ignore)
    if tracked:
        (case.folder / "keys").mkdir(mode=0o700)
        (case.folder / "keys" / "old.json").write_text("{}")
        git(case.folder, "add", "-f", "keys")
    if fine:
        assert case.ring().put(case.want(), Drawer(material())).version
        git(case.folder, "add", "-A")
        listed = ["git", "-C", case.folder, "ls-files"]
        found = subprocess.run(listed, capture_output=True, text=True, check=True)
        assert found.stdout.split() in ([".gitignore"], [])
        return
    with pytest.raises(Rejected, match="git would take the keys") as failed:
        case.ring().put(case.want(), Drawer(material()))
    assert "add the line /keys/ to .gitignore" in failed.value.hint
    kept = [one for one in case.folder.rglob("*.json") if one.name != "old.json"]
    assert kept == []


@only("file")
def test_a_folder_of_another_repository_is_git_too(case, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    case.store = {"file": str(other / "deep" / "keys")}
    with pytest.raises(Rejected, match="git would take") as failed:
        case.ring().put(case.want(), Drawer(material()))
    assert "/deep/keys/" in failed.value.hint
    case.store = {"file": str(other / ".git" / "keys")}
    assert case.ring().put(case.want(), Drawer(material())).version


WRITER = """
    import sys
    from pathlib import Path
    from reconciler.model import Drawer
    from reconciler.providers._keyring import Around, KeyStores
    from tests.support.material import kept_in

    ring = KeyStores(Around(Path(sys.argv[1]), None, None, lambda _: None))
    want = kept_in({"file": "keys"})
    drawer = ring.open(want)
    print("ready", flush=True)
    n = 0
    while True:
        n += 1
        drawer = ring.put(want, drawer._replace(pending={"n": n, "pad": "x" * 50000}))
"""


@only("file")
def test_a_killed_writer_leaves_the_old_or_the_new(case):
    want, root = case.want(), Path(__file__).parents[2]
    for pause in (0.01, 0.02, 0.035):
        argv = [sys.executable, "-c", textwrap.dedent(WRITER), str(case.folder)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=root) as writer:
            assert writer.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(pause)
            writer.send_signal(signal.SIGKILL)
        found = case.ring().open(want)
        if found.version:
            assert len(found.pending["pad"]) == 50000
        new = case.ring().put(want, found._replace(pending=PENDING))
        assert case.ring().open(want) == new
        assert len(list((case.folder / "keys").iterdir())) == 1


# -- age -------------------------------------------------------------------------


@only("age")
def test_what_lies_in_git_is_encrypted_to_all_who_may_read(case):
    git(case.folder, "init", "-q")
    both = [str(one.to_public()) for one in (IDENTITY, OTHER)]
    case.store["age"]["recipients"] = both
    kept = material()
    case.ring().put(case.want(), Drawer(kept))
    path = case.folder / "keys" / "shop.example.age"
    raw = path.read_bytes()
    assert raw.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    for piece in secrets_in(kept):
        assert piece.encode() not in raw
    path.chmod(0o644)
    case.identity = str(OTHER)
    assert case.ring().open(case.want()).current == kept


@only("age")
def test_another_identity_reads_nothing_and_writes_nothing(case):
    kept = material()
    drawer = case.ring().put(case.want(), Drawer(kept))
    case.identity = str(OTHER)
    with pytest.raises(Rejected, match="cannot be decrypted"):
        case.ring().open(case.want())
    with pytest.raises(Rejected, match="not one of the recipients") as failed:
        case.ring().put(case.want(), drawer)
    unseen(failed.value, kept)
    case.identity = "AGE-SECRET-KEY-1CANARYCANARY"
    with pytest.raises(Rejected, match="identity is none") as failed:
        case.ring().open(case.want())
    assert "CANARY" not in "".join(traceback.format_exception(failed.value))


@only("age")
def test_the_identity_is_not_asked_for_where_nothing_is(case):
    case._secret = None
    assert case.ring().open(case.want()) == Drawer()


# -- AWS -------------------------------------------------------------------------


@only("aws")
@pytest.mark.parametrize("kind", ["lost-before", "lost-after"])
@pytest.mark.parametrize(
    "operation", ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"]
)
def test_a_lost_answer_is_put_again_to_the_same_effect(case, operation, kind):
    want = case.want()
    before = Drawer()
    if operation != "CreateSecret":
        before = case.ring().put(want, Drawer(pending=PENDING))
    case.sandbox.inject(Fault(vendor="aws", operation=operation, kind=kind))
    drawer = before._replace(current=material(), pending=None)
    with pytest.raises(Ambiguous):
        case.ring().put(want, drawer)
    again = case.ring().put(want, drawer)
    assert case.ring().open(want) == again
    assert again.current == material()


@only("aws")
def test_another_account_proves_nothing(case):
    case.ring().put(case.want(), Drawer(material()))
    case.declared = "999999999999"
    for act in (
        lambda: case.ring().open(case.want("new.example")),
        lambda: case.ring().put(case.want("new.example"), Drawer(material())),
    ):
        with pytest.raises(Rejected, match="another account"):
            act()
    case.declared = "123456789012"
    assert case.ring().open(case.want()).current == material()


@only("aws")
def test_the_region_and_the_key_of_the_account_are_used(case):
    more = {"region": "eu-west-1", "kmsKey": "alias/keys"}
    case.store["awsSecretsManager"] |= more
    case.ring().put(case.want(), Drawer(material()))
    aws = case.ring()._store(case.want())._aws
    prefix = case.store["awsSecretsManager"]["prefix"]
    (said,) = [
        one
        for one in aws.calls("secretsmanager")("list_secrets")["SecretList"]
        if one["Name"].startswith(f"{prefix}/")
    ]
    assert said["KmsKeyId"] == "alias/keys"
    assert said["ARN"].startswith("arn:aws:secretsmanager:eu-west-1:")
    elsewhere = {"awsSecretsManager": {"provider": "main", "prefix": prefix}}
    assert case.ring().open(kept_in(elsewhere)) == Drawer()


# -- Vault -----------------------------------------------------------------------


@only("vault")
def test_what_was_deleted_goes_on_from_its_version(case):
    want = case.want()
    case.ring().put(want, Drawer(pending=PENDING))
    store = case.ring()._store(want)
    store._http.call("DELETE", store._at("shop.example"), operation="x", effect=True)
    found = case.ring().open(want)
    assert found == Drawer(version="1")
    assert case.ring().put(want, Drawer(material(), version="1")).version == "2"


@only("vault")
@pytest.mark.parametrize("what", ["token", "sealed", "mount"])
def test_vault_that_does_not_let_in_is_never_empty(case, what):
    want = case.want()
    sandbox = case.sandbox
    if what == "mount":
        case.store["vault"]["path"] = "other/keys"
    try:
        if what == "sealed":
            sandbox.edit("vault", "seal", {"sealed": True})
        if what == "token":
            made = case._account
            case._account = lambda name, needed: made(name, needed)._replace(
                secrets={"token": "not-this-one"}
            )
        with pytest.raises(ProviderError) as failed:
            case.ring().open(case.want() if what == "mount" else want)
    finally:
        sandbox.edit("vault", "seal", {"sealed": False})
    assert "not-this-one" not in str(failed.value)


@only("vault")
def test_where_the_engine_is_mounted_and_whose_namespace(case):
    made = case._account
    settings = {"mount": "team/secret", "namespace": "agency"}
    case._account = lambda name, needed: made(name, needed)._replace(settings=settings)
    case.store["vault"]["path"] = "team/secret/certificates"
    store = case.ring()._store(case.want())
    assert store._at("a") == "/v1/team/secret/data/certificates/a"
    assert store._http._headers["X-Vault-Namespace"] == "agency"


def test_a_certificate_without_a_store_says_so(case):
    want = kept_in(None, mode="observe", issuers=[], key={})
    with pytest.raises(Rejected, match="keeps no key"):
        case.ring().open(want)


def test_a_secret_that_is_not_there_is_an_error_of_the_store(tmp_path):
    def missing(ref):
        raise ReconcilerError(f"the secret {ref} is not there", hint="set it")

    def gone(name, needed):
        raise ReconcilerError(f"no Provider/{name}")

    ring = KeyStores(Around(tmp_path, missing, gone, lambda _: None))
    bought = {"certificate": {"env": "CRT"}, "key": {"env": "KEY"}}
    wants = [
        kept_in(None, mode="import", issuers=[], key={}, bought=bought),
        kept_in({"vault": {"provider": "v", "path": "secret"}}),
    ]
    for want in wants:
        with pytest.raises(Rejected):
            ring.open(want)


# -- the doctor -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "token", "said"),
    [
        ({}, "sandbox-vault", "the token is taken"),
        ({"policies": ["root"]}, "sandbox-vault", "it is a root token"),
        ({}, "canary-7f3a", "the keys are not taken"),
    ],
)
def test_the_doctor_asks_a_vault_about_its_token(tmp_path, sandbox, about, token, said):
    from reconciler.cli.doctor.accounts import checks
    from reconciler.cli.project import Project

    endpoint = sandbox.endpoint("vault")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.yaml").write_text(
        "apiVersion: reconciler/v1\n"
        f"Provider/vault: {{type: vault, endpoint: '{endpoint}', "
        "credentials: {token: {env: TOKEN}}}\n"
    )
    options = {"root": str(tmp_path), "env": "main", "quiet": True, "verbose": False}
    options |= {"inventory": "inventory", "policies": "policies"}
    project = Project({**options, "select": (), "exclude": ()}, {"TOKEN": token})
    sandbox.edit("vault", "token", {"policies": ["reconciler"], **about})
    (check,) = checks(project)
    assert said in check.said
    assert "canary-7f3a" not in f"{check}"
