"""Files and YAML that must be refused, whatever they say."""

from __future__ import annotations

from tests.support.bad_case import GOOD, HEAD, bad, domain

# Files.
bad("over-1-mib", HEAD + "# " + "x" * 1024 * 1024, "E102", 1)
bad("huge-list", HEAD + "Domain/a.example: [" + "x," * 600_000 + "]", "E102", 1)
bad("latin-1", HEAD.encode() + b"# caf\xe9\n", "E103", 2)
bad("utf-16", GOOD.encode("utf-16"), "E103", 1)
bad("binary-png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "E103", 1)
bad("binary-elf", b"\x7fELF\x02\x01\x01\0\0\0", "E104", 1)
bad("gzip", b"\x1f\x8b\x08\0\0\0\0\0", "E103", 1)
bad("truncated-utf-8", HEAD.encode() + b"# \xe2\x82", "E103", 2)
bad("nul", HEAD + "# \0\n", "E104", 2)
bad("nul-in-key", HEAD + '"Domain/\\0.example": {}\n', "E104", 2)
bad("nul-in-value", HEAD + 'Domain/a.example: {provider: "a\\0"}\n', "E104", 2)
bad("yml", HEAD, "E115", 1, path="inventory/b.yml")
bad("upper-case-extension", HEAD, "E115", 1, path="inventory/b.YAML")
bad("control-in-name", HEAD, "E101", 1, path="inventory/a\x07b.yaml")
for byte in (0x01, 0x07, 0x08, 0x0B, 0x1B, 0x7F):
    text = HEAD.encode() + b"# " + bytes([byte])
    bad(f"control-{byte:02x}", text, "E104", 2)
bad("c1-control", HEAD + "# \x80", "E104", 2)

# Syntax.
for name, line in {
    "open-brace": "Domain/a.example: {provider: x",
    "open-bracket": "Domain/a.example: [",
    "open-quote": 'Domain/a.example: "x',
    "open-single-quote": "Domain/a.example: 'x",
    "tab-indent": "Domain/a.example:\n\tprovider: x",
    "at-sign": "Domain/a.example: {provider: @x}",
    "backtick": "Domain/a.example: {provider: `x}",
    "percent": "Domain/a.example: {provider: %x}",
    "colon-in-plain": "Domain/a.example: a: b",
    "extra-brace": "Domain/a.example: {}}",
    "comma-start": "Domain/a.example: , x",
    "bad-escape": 'Domain/a.example: "\\q"',
    "bad-unicode-escape": 'Domain/a.example: "\\ud800"',
    "bad-indent": "Domain/a.example:\n    provider: x\n  renewal: {}",
    "unknown-directive": "...\n%YAML 9.9\n---\nx: y",
    "block-in-flow": "Domain/a.example: {provider: |\n  x}",
    "key-without-value-then-list": "Domain/a.example: - x",
    "star-alone": "Domain/a.example: *",
    "ampersand-alone": "Domain/a.example: &",
    "question-bracket": "? [\nDomain/a.example: {}",
}.items():
    bad(f"syntax-{name}", f"{HEAD}{line}\n", "E105")

# What this project's YAML leaves out.
bad(
    "duplicate-key",
    HEAD + "Domain/a.example:\n  provider: x\n  provider: y\n",
    "E106",
    4,
)
bad("duplicate-entry", HEAD + "Domain/a.example: {}\nDomain/a.example: {}\n", "E106", 3)
bad(
    "duplicate-flow-key",
    HEAD + "Domain/a.example: {provider: x, provider: y}\n",
    "E106",
    2,
)
bad(
    "duplicate-quoted-key",
    HEAD + 'Domain/a.example: {provider: x, "provider": y}\n',
    "E106",
    2,
)
bad("duplicate-version", HEAD + HEAD, "E106", 2)
bad(
    "duplicate-deep",
    HEAD + "Domain/a.example:\n  dns:\n    prune: true\n    prune: true\n",
    "E106",
    5,
)
bad("anchor", HEAD + "Domain/a.example: &a {provider: porkbun-main}\n", "E107", 2)
bad(
    "anchor-on-scalar",
    HEAD + "Domain/a.example: {provider: &p porkbun-main}\n",
    "E107",
    2,
)
bad("anchor-on-list", HEAD + "RecordSet/x: {records: &r []}\n", "E107", 2)
bad("anchor-on-key", HEAD + "&k Domain/a.example: {}\n", "E107", 2)
bad("alias", HEAD + "A: &a {}\nDomain/b.example: *a\n", "E107", 3)
bad("alias-as-key", HEAD + "A: &a x\n*a : {}\n", "E107", 3)
BOMB = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
bad("alias-bomb", HEAD + "a0: &a0 lol\n" + BOMB, "E107", 2)
bad("merge-key", HEAD + "Domain/a.example:\n  <<: {provider: x}\n", "E108", 3)
bad("merge-of-alias", HEAD + "A: &a {}\nDomain/a.example:\n  <<: *a\n", "E108", 4)
for tag in ("!!python/object:os.system", "!x", "!!str", "!!binary", "!!set", "!!int"):
    bad(f"tag-{tag}", f"{HEAD}Domain/a.example: {tag} x\n", "E109", 2)
bad("tag-on-map", HEAD + "Domain/a.example: !!omap {}\n", "E109", 2)
bad(
    "tag-env", HEAD + "Provider/x: {type: aws, credentials: {k: !ENV KEY}}\n", "E109", 2
)
bad("deep-flow", HEAD + "Domain/a.example: " + "[" * 80 + "]" * 80, "E110", 2)
bad("very-deep", HEAD + "Domain/a.example: " + "[" * 100_000, "E110", 2)
bad("deep-maps", HEAD + "Domain/a.example: " + "{a: " * 90 + "}" * 90, "E110", 2)
DEEP = "".join(f"{' ' * n}a:\n" for n in range(1, 80))
bad("deep-block", HEAD + "Domain/a.example:\n" + DEEP, "E110")
for number in ("0755", "-012", "+07", "00", ".inf", "-.INF", ".nan", "1e999", "9" * 50):
    domain(f"number-{number[:8]}", f"lifecycle: {number}", "E111")
for key in ("1", "true", "null", "~", "1.5", "0x10", "0755"):
    domain(f"key-{key}", f"{key}: x", "E112")
domain("key-list", "? [a]\n  : x", "E112")
domain("key-map", "? {a: b}\n  : x", "E112")
bad("key-empty", HEAD + ": x\n", "E105", 2)
