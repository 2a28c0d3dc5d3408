"""Values, names, references and secrets that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad, domain, provider, record

# What the kinds refuse in their own words.
for duration in (
    "60",
    "60 d",
    "60days",
    "1y",
    "2mo",
    "-5d",
    "1.5h",
    "d",
    "P60D",
    "60D",
    "9999999d",
    '""',
    "[]",
):
    domain(f"duration-{duration}", f"renewal: {{window: {{open: {duration}}}}}", "E125")
for period in ("1", "12m", "60d", "1 y", "3mo", "11y", "0y", "y"):
    domain(
        f"period-{period}",
        f"renewal: {{term: {period}}}",
        "E124" if period == "0y" else "E125",
    )
for price in (
    "15",
    "15.00",
    "15 EUR",
    "15.00 EUR/week",
    "15,00 EUR/year",
    "EUR 15/year",
    "15.001 EUR/year",
    "15.00 eur/year",
    "-1.00 EUR/year",
    "15.00EUR/year",
    "1.5 JPY/year",
    "€15/year",
    "{}",
):
    code = "E122" if price == "{}" else "E125"
    domain(
        f"price-{price}",
        f"renewal: {{maxPrice: {price if price == '{}' else repr(price)}}}",
        code,
    )
for percent in ("15", '"15"', "0.15", "15 %", "x%", "-5%", "15.123%"):
    domain(f"percent-{percent}", f"renewal: {{maxIncrease: {percent}}}", "E125")
for money in ("80", "80.00", "80 EUR/year", "80,00 EUR", "80.001 EUR", "-1.00 EUR"):
    domain(
        f"restore-price-{money}",
        f"renewal: {{restore: approve, maxRestore: {money!r}}}",
        "E125",
    )
domain("restore-without-ceiling", "renewal: {restore: approve}", "E125")
for address in (
    "192.0.2.256",
    "192.0.2",
    "2001::db8::1",
    "ns1.example",
    "192.0.2.1/24",
):
    domain(f"glue-{address}", f"glue: {{ns1.a.example: ['{address}']}}", "E125")
domain("glue-twice", "glue: {ns1.a.example: [192.0.2.1, 192.0.2.1]}", "E125")
domain("glue-same", "glue: {ns1.a.example: ['2001:db8::1', '2001:DB8:0::1']}", "E125")
domain("glue-host-twice", "glue: {ns1.a.example: [], NS1.a.example.: []}", "E125")
domain("glue-of-another", "glue: {ns1.b.example: [192.0.2.1]}", "E125")
domain("glue-of-itself", "glue: {a.example: [192.0.2.1]}", "E125")
domain("glue-of-a-neighbour", "glue: {ns1.aa.example: [192.0.2.1]}", "E125")
domain("glue-no-name", "glue: {'ns 1.a.example': [192.0.2.1]}", "E125")
domain("price-as-map", "renewal: {maxPrice: {money: 15.00 EUR, per: year}}", "E122")
domain("period-as-map", "renewal: {term: {months: 12}}", "E122")
domain("window-order", "renewal: {window: {open: 5d, urgent: 9d}}", "E125")
domain("targets-twice", "dns: {targets: [porkbun-main, porkbun-main]}", "E125")
domain("nameserver-twice", "nameservers: [ns1.example, NS1.example]", "E125")
domain(
    "record-twice",
    "dns: {records: [{name: a, type: A, value: 192.0.2.1}, {name: a, type: A, value: 192.0.2.2}]}",
    "E125",
)
domain(
    "cname-and-a",
    "dns: {records: [{name: a, type: A, value: 192.0.2.1}, {name: a, type: CNAME, value: b.example.}]}",
    "E125",
)
bad(
    "managed-without-provider",
    HEAD + "Domain/a.example: {provider: none, lifecycle: managed}\n",
    "E125",
    2,
)
provider("endpoint-http", "endpoint: http://vendor.example", "E125")
provider(
    "endpoint-user",
    "endpoint: https://user:hunter2secret@vendor.example",
    "E125",
    "hunter2secret",
)
provider("endpoint-text", "endpoint: vendor", "E125")
record("no-value", 'name: "@", type: A', "E125")
record(
    "both-values", 'name: "@", type: A, value: 192.0.2.1, values: [192.0.2.2]', "E125"
)
record("a-name", 'name: "@", type: A, value: web.example', "E125")
record("aaaa", 'name: "@", type: AAAA, value: 192.0.2.1', "E125")
record("mx-parts", 'name: "@", type: MX, value: mx.example.', "E125")
record("mx-dot", 'name: "@", type: MX, value: 10 mx.example', "E125")
record("srv", "name: _x._tcp, type: SRV, value: 1 2 host.example.", "E125")
record("cname-apex", 'name: "@", type: CNAME, value: b.example.', "E125")
record("ns-apex", 'name: "@", type: NS, value: ns.example.', "E125")
record("caa", 'name: "@", type: CAA, value: letsencrypt.org', "E125")
record("cname-two", "name: a, type: CNAME, values: [b.example., c.example.]", "E125")
record("bad-label", "name: a..b, type: A, value: 192.0.2.1", "E125")

# Names.
HOMOGLYPHS = {
    "cyrillic-a": "p\u0430ypal.example",
    "greek-o": "g\u03bfogle.example",
    "mixed": "b\u0430nk.example",
}
for name, word in HOMOGLYPHS.items():
    bad(
        f"homoglyph-{name}",
        f"{HEAD}Domain/{word}: {{provider: porkbun-main}}\n",
        "E130",
        2,
    )
    bad(
        f"homoglyph-long-{name}",
        f"{HEAD}kind: Domain\nmetadata: {{name: {word}}}\nspec: {{provider: porkbun-main}}\n",
        "E130",
        3,
    )
for word in (
    "-a.example",
    "a-.example",
    "a b.example",
    "a..example",
    "localhost",
    "a" * 64 + ".example",
    "\u2603.example",
    "a_.example/x",
):
    bad(
        f"domain-{word[:12]}",
        f"{HEAD}Domain/{word}: {{provider: porkbun-main}}\n",
        "E130",
        2,
    )
for word in ("-x", "x-", "a b", "x/y", "\u00fcber", "x" * 300):
    bad(
        f"name-{word[:8]}",
        f"{HEAD}Provider/{word}: {{type: aws, credentials: {{}}}}\n",
        "E130",
        2,
    )
bad("no-name", HEAD + "Provider/: {type: aws, credentials: {}}\n", "E130", 2)
for word in ("5", "null", "[]", "true"):
    bad(
        f"long-name-{word}",
        f"{HEAD}kind: Provider\nmetadata: {{name: {word}}}\nspec: {{type: aws, credentials: {{}}}}\n",
        "E130",
        3,
    )

# Several resources.
ONE = HEAD + "Domain/a.example: {provider: porkbun-main}\n"
bad("same-address", ONE, "E131", 2, other=ONE)
bad(
    "same-address-forms",
    ONE,
    "E131",
    None,
    other=HEAD
    + "kind: Domain\nmetadata: {name: a.example}\nspec: {provider: porkbun-main}\n",
)
bad(
    "same-address-case", ONE + "Domain/A.example: {provider: porkbun-main}\n", "E131", 3
)
bad(
    "same-address-idna",
    HEAD
    + "Domain/b\u00fccher.example: {provider: porkbun-main}\nDomain/xn--bcher-kva.example: {provider: porkbun-main}\n",
    "E131",
    3,
)
bad(
    "same-uid",
    HEAD
    + "Domain/a.example: {provider: porkbun-main, uid: x}\nDomain/b.example: {provider: porkbun-main, uid: x}\n",
    "E132",
    3,
)
bad(
    "uid-is-a-name",
    ONE + "Domain/b.example: {provider: porkbun-main, uid: a.example}\n",
    "E132",
    3,
)
for word in (
    "porkbun",
    "Porkbun-main",
    "nobody",
    "Provider/porkbun-main",
    '""',
    "None",
):
    bad(f"dangling-{word}", f"{HEAD}Domain/a.example:\n  provider: {word}\n", "E133", 3)
domain("dangling-target", "dns: {targets: [nobody]}", "E133")
domain("dangling-include", "dns: {include: [nobody]}", "E133")
bad(
    "dangling-in-defaults",
    HEAD + "Domain:\n  provider: nobody\n",
    "E133",
    3,
    path="inventory/_defaults.yaml",
    a=HEAD + "Domain/a.example: {}\n",
)
SETS = (
    HEAD
    + "RecordSet/x: {records: [{name: a, type: A, value: 192.0.2.1}]}\nRecordSet/y: {records: [{name: a, type: A, value: 192.0.2.2}]}\n"
)
bad(
    "include-clash",
    HEAD + "Domain/a.example:\n  provider: porkbun-main\n  dns: {include: [x, y]}\n",
    "E140",
    4,
    sets=SETS,
)

# Secrets. Each is made up, and put together here so that no scanner finds it.
CARDS = {
    "visa": "4111 1111 1111 1111", "visa-dashes": "4012-8888-8888-1881",
    "visa-13": "4222222222222", "mastercard": "5555555555554444",
    "mastercard-2": "2223003122003222", "amex": "3782 822463 10005",
    "discover": "6011111111111117", "diners": "30569309025904", "jcb": "3530111333300000",
    "unionpay": "6200000000000005", "with-expiry": "4111111111111111 1228",
}  # fmt: skip
for name, card in CARDS.items():
    secret = card.removesuffix(" 1228")
    provider(f"card-{name}", f'account: "{card}"', "E151", secret)
    bad(f"card-comment-{name}", f"{HEAD}# {card}\n", "E151", 2, secret)
KEYS = {
    "stripe": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "stripe-test": "sk_" + "test_4eC39HqLyjWDarjtT1zdp7dc",
    "stripe-restricted": "rk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "stripe-hook": "whsec_" + "4eC39HqLyjWDarjtT1zdp7dcXX",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE", "github": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "github-fine": "github_pat_" + "11ABCDEFG0abcdefghijkl_mnop", "slack": "xoxb-" + "123456789012-abcdefGHIJKL",
    "google": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv", "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
    "pem": "-----BEGIN " + "RSA PRIVATE KEY-----", "openssh": "-----BEGIN " + "OPENSSH PRIVATE KEY-----",
    "pem-plain": "-----BEGIN " + "PRIVATE KEY-----", "pat": "pat_" + "abcdefghijkl1234", "gitlab": "glpat-" + "abcdefghij1234567890",
}  # fmt: skip
for name, key in KEYS.items():
    provider(f"key-pattern-{name}", f"account: {key}", "E152", key)
    bad(f"key-comment-{name}", f"{HEAD}# see {key}\n", "E152", 2, key)
    bad(
        f"key-in-broken-{name}",
        f"{HEAD}Domain/a.example: {{provider: {key}\n",
        "E152",
        2,
        key,
    )
    domain(f"key-as-field-{name}", f'"{key}": x', "E152", key)
for field in (
    "cvv",
    "cvc",
    "CVV2",
    "card_number",
    "cardNumber",
    "pan",
    "security-code",
    "track2",
    '"\\x63vv"',
):
    provider(f"card-field-{field}", f"{field}: 123987", "E153", "123987")
for value in ("hunter2hunter2", "987654321", "1.618033", '"env: X, or so"'):
    text = f"{HEAD}Provider/x:\n  type: aws\n  credentials:\n    key: {value}\n"
    bad(f"plain-secret-{value[:6]}", text, "E150", 5, value.strip('"'))
provider("secret-two-places", "credentials2: {env: K}", "E120")
for name, value in {
    "both": "{env: A, file: b}",
    "none": "{}",
    "null": "{env: null}",
}.items():
    text = f"{HEAD}Provider/x:\n  type: aws\n  credentials:\n    key: {value}\n"
    bad(f"secret-ref-{name}", text, "E125", 5)
bad(
    "secret-ref-unknown",
    HEAD + "Provider/x:\n  type: aws\n  credentials:\n    key: {keyring: x}\n",
    "E120",
    5,
)
bad(
    "secret-ref-list",
    HEAD + "Provider/x:\n  type: aws\n  credentials:\n    key: [a]\n",
    "E122",
    5,
)
bad(
    "secret-ref-bool",
    HEAD + "Provider/x:\n  type: aws\n  credentials:\n    key: true\n",
    "E122",
    5,
)
