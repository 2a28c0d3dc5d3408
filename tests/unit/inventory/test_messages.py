"""What people read for each cause, word for word."""

from __future__ import annotations

import pytest

from reconciler.inventory.codes import TABLE
from tests.support.bad_inventories import CASES
from tests.unit.inventory.tree import Texts, load_errors

#: Case of the corpus -> its error, without the hint where that is the table's.
SAID = {
    "control-in-name": "inventory/a?b.yaml:1:1: E101 the file's name holds characters that cannot be shown\n  hint: rename the file",
    "over-1-mib": "inventory/bad.yaml:1:1: E102 the file is over 1 MiB",
    "latin-1": "inventory/bad.yaml:2:6: E103 the file is not UTF-8",
    "nul": "inventory/bad.yaml:2:3: E104 a NUL in the file",
    "control-07": "inventory/bad.yaml:2:3: E104 a character that YAML does not allow",
    "syntax-at-sign": "inventory/bad.yaml:2:30: E105 not valid YAML: while scanning for the next token found character that cannot start any token\n  hint: quote a value that begins with @, ` or %, or that holds ': '",
    "duplicate-key": "inventory/bad.yaml:4:3: E106 provider is written twice",
    "anchor": "inventory/bad.yaml:2:19: E107 &a is an anchor",
    "merge-key": "inventory/bad.yaml:3:3: E108 << is a merge key",
    "tag-!!python/object:os.system": "inventory/bad.yaml:2:19: E109 tag:yaml.org,2002:python/object:os.system is a tag",
    "deep-flow": "inventory/bad.yaml:2:82: E110 nested over 64 levels deep",
    "number-0755": "inventory/bad.yaml:4:14: E111 0755 begins with a zero: is it octal, decimal or text?",
    "key-true": "inventory/bad.yaml:4:3: E112 the key true is not text",
    "document-list": "inventory/bad.yaml:1:1: E113 the document is not a mapping",
    "version-v1": "inventory/bad.yaml:1:1: E114 apiVersion is not reconciler/v1",
    "yml": "inventory/b.yml:1:1: E115 the extension is .yml, not .yaml",
    "kind-Domian": "inventory/bad.yaml:2:1: E116 Domian is no kind\n  hint: did you mean Domain?",
    "entry-Domain": "inventory/bad.yaml:2:1: E117 'Domain' is not Kind/name\n  hint: write Domain/NAME",
    "unknown-transfer_lock": "inventory/bad.yaml:4:3: E120 Domain/a.example: spec.transfer_lock: no such field\n  hint: did you mean transferLock?",
    "missing-credentials": "inventory/bad.yaml:2:1: E121 Provider/x: spec.credentials: is missing\n  hint: add credentials: ...",
    "bool-no": "inventory/bad.yaml:4:12: E122 Domain/a.example: spec.privacy: write true or false",
    "choice-nameservers": "inventory/bad.yaml:4:16: E123 Domain/a.example: spec.nameservers: write from-dns or write a list",
    "choice-mode": "inventory/bad.yaml:4:19: E123 Domain/a.example: spec.renewal.mode: write registrar, reconciler or manual",
    "one-nameserver": "inventory/bad.yaml:4:16: E124 Domain/a.example: spec.nameservers: needs at least 2 entries",
    "period-3mo": "inventory/bad.yaml:4:19: E125 Domain/a.example: spec.renewal.term: a term is a whole number of years, 10y at most\n  hint: `reconciler schema Domain` says what it accepts",
    "homoglyph-cyrillic-a": "inventory/bad.yaml:2:1: E130 Domain/p\u0430ypal.example: metadata.name: 'p\u0430ypal' mixes Cyrillic and Latin letters, which can look alike",
    "same-address": "inventory/other.yaml:2:1: E131 Domain/a.example is there already, at inventory/bad.yaml:2:1",
    "same-uid": "inventory/bad.yaml:3:49: E132 Domain/b.example: the uid x is that of Domain/a.example, at inventory/bad.yaml:2:1",
    "dangling-porkbun": "inventory/bad.yaml:3:13: E133 Domain/a.example: spec.provider: there is no Provider/porkbun\n  hint: did you mean porkbun-main?",
    "site-without-unknown": "inventory/bad.yaml:7:13: E135 Site/a.example: spec.without[0]: SiteProfile/p has no Backup\n  hint: its parts are Domain",
    "profile-token": "inventory/bad.yaml:6:19: E136 SiteProfile/p: spec.Domain.nameservers[0]: $dommain is no token, used by inventory/bad.yaml:7 Site/a.example\n  hint: did you mean $domain?",
    "profile-no-server": "inventory/bad.yaml:6:49: E137 SiteProfile/p: spec.Domain.dns.records[0].value: $ipv4 has no value here, used by inventory/bad.yaml:7 Site/a.example\n  hint: add server to the site: a Provider that has ipv4",
    "customer-country": "inventory/bad.yaml:2:37: E124 Customer/x: spec.country: write it as in NL",
    "site-with-token-key": "inventory/bad.yaml:7:39: E136 Site/a.example: spec.with.Domain.glue.ns1.$domain: the key ns1.$domain holds a $\n  hint: tokens stand in values: write the key out",
    "site-backs-up-nothing": "inventory/bad.yaml:4:1: E138 Site/a.example: Backup: 'of' is missing, and no other part is there to be meant\n  hint: take HostingAccount out of without, or add of: ... in with",
    "site-lacks-registrar": "inventory/bad.yaml:4:1: E138 Site/a.example: registrar is missing: SiteProfile/p makes a Domain\n  hint: add registrar, or provider to the Domain of SiteProfile/p",
    "site-label-site": "inventory/bad.yaml:7:18: E139 Site/a.example: metadata.labels.site: the label site is set by the site itself\n  hint: use another label",
    "include-clash": "inventory/bad.yaml:4:18: E140 Domain/a.example: spec.dns.include: A at a comes from both RecordSet/x (inventory/sets.yaml:2:25) and RecordSet/y (inventory/sets.yaml:3:25)",
    "account-not-sold-there": "inventory/bad.yaml:5:51: E141 HostingAccount/x.example: spec.plan: HostingPlan/more has no package for Provider/whm-1 (whm)\n  hint: add it to packages of HostingPlan/more",
    "account-range-no-way": "inventory/bad.yaml:5:51: E142 HostingAccount/x.example: spec.plan: no way up from more to good\n  hint: HostingPlan/more has to lead there by up",
    "subscription-no-price": "inventory/bad.yaml:10:1: E143 Subscription/x: spec.price: there is no price: HostingAccount/b.example may be on several plans\n  hint: add price: an amount, a currency and an interval, as in 9.00 EUR/month",
    "subscription-currency": "inventory/bad.yaml:10:96: E144 Subscription/x: spec.price: 9.00 USD/month is the price, and Customer/pays pays in EUR\n  hint: write a price in EUR",
    "subscription-of-nothing": "inventory/bad.yaml:11:52: E145 Customer/who: spec.payment: collect: auto needs a primary payment method and a consent, used by inventory/bad.yaml:10 Subscription/x\n  hint: add what is missing, or collect: invoice for who pays by itself",
    "subscription-of-our-card": "inventory/bad.yaml:11:62: E145 Customer/who: spec.payment.primary: PaymentMethod/ours is our own: nobody pays with what is not theirs, used by inventory/bad.yaml:10 Subscription/x\n  hint: name a method whose customer is who",
    "dunning-unwarned": "inventory/bad.yaml:6:23: E146 DunningPolicy/x: spec.steps[1].do: suspend without a final-warning 3 days before\n  hint: add {notify: final-warning} to an earlier step",
    "invoicing-remind-unsorted": "inventory/bad.yaml:3:18: E146 InvoicePolicy/x: spec.remindAt[1]: 7d comes after 1d\n  hint: write each once, the longest time first, as in [14d, 7d, 1d]",
    "subscription-of-two-engines": "inventory/bad.yaml:10:1: E147 Subscription/x: spec.dunning: DunningPolicy/standard has charge and retry and backup-gateway, and stripe-billing tries by itself\n  hint: name a DunningPolicy whose steps have none of charge, retry, backup-gateway",
    "subscription-of-other-engine": "inventory/bad.yaml:10:99: E147 Subscription/x: spec.invoicing: paypal-subscription collects at paypal alone, and PaymentMethod/card is at Provider/stripe-1 (stripe)\n  hint: name a policy with another collector, or a primary method at paypal",
    "subscription-covered-twice": "inventory/bad.yaml:11:61: E148 Subscription/y: HostingAccount/a.example is paid for by Subscription/x already, at inventory/bad.yaml:10:1",
    "site-covers-nothing": "inventory/bad.yaml:10:31: E138 SiteProfile/p: spec.Subscription: 'covers' is missing, and no other part is there to be meant, used by inventory/bad.yaml:11 Site/s.example\n  hint: add covers: ..., or a HostingAccount to the profile",
    "certificate-no-zone": "inventory/bad.yaml:2:33: E160 Certificate/a.example: spec.names[0]: b.example is in no Domain",
    "certificate-same-names": "inventory/bad.yaml:3:24: E161 Certificate/b: Certificate/a is for the same names, at inventory/bad.yaml:2:1",
    "certificate-same-place": "inventory/bad.yaml:4:91: E162 Certificate/b: Provider/n has Certificate/a already, at inventory/bad.yaml:3:1",
    "issuer-of-a-provider": "inventory/bad.yaml:2:1: E163 Issuer/porkbun-main: Provider/porkbun-main has the same name, at inventory/good.yaml:2:1",
    "health-url-of-others": "inventory/bad.yaml:8:44: E176 HealthCheck/x: victim.test is nothing that is declared",
    "health-twice": "inventory/bad.yaml:9:1: E175 HealthCheck/y: HealthCheck/x looks at the same, at inventory/bad.yaml:8:1",
    "account-twice-user": "inventory/bad.yaml:6:66: E170 HostingAccount/y.example: HostingAccount/x.example is about the account bakker on whm-1 already, at inventory/bad.yaml:5:1",
    "patched-no-windows": "inventory/bad.yaml:7:69: E179 HostingAccount/x.example: PatchPolicy/x has no windows, so that minor and major updates are never installed\n  hint: write windows, or minor: never, major: never",
    "scaled-blind": "inventory/bad.yaml:7:86: E173 HostingAccount/x.example: ScalingPolicy/x looks at memory, which small, large do not limit\n  hint: write limits in the HostingPlans, or metrics that they limit in the policy",
    "scaled-dollars": "inventory/bad.yaml:7:86: E174 HostingAccount/x.example: what scaling costs cannot be told: small in EUR, large in EUR, maxIncrease of ScalingPolicy/x in USD",
    "server-range-min-unknown": "inventory/bad.yaml:4:68: E177 Server/x: spec.size.min: cx11 is none of sizes: cx22, cx32, cx42\n  hint: add it to sizes, in its place by size",
    "server-two-owners": "inventory/bad.yaml:4:1: E178 Server/web1: web1 at cloud is Server/a already, at inventory/bad.yaml:3:1",
    "backup-policy-rpo-clocks-go-back": "inventory/bad.yaml:3:146: E180 BackupPolicy/x: spec.objectives.rpo: 24h is less than the 25h between two backups\n  hint: write rpo: 26h or more, or a cron that is due more often",
    "backup-policy-copy-twice": "inventory/bad.yaml:3:93: E181 BackupPolicy/x: spec.copies: near has it twice: that is one copy\n  hint: write near once",
    "backup-copies-same-place-path": "inventory/bad.yaml:4:93: E181 BackupPolicy/x: spec.copies: near and far are one place: that is one copy\n  hint: name another place, or one of them: what destroys it destroys both",
    "backup-copies-engines": "inventory/bad.yaml:4:93: E182 BackupPolicy/x: spec.copies: far is of restic, and near of archive\n  hint: copies are made from the first one: name repositories of one engine",
    "backup-copies-off-site-same": "inventory/bad.yaml:4:93: E183 BackupPolicy/x: spec.copies: far is called offSite, and is lost with near\n  hint: give both a failureDomain, and them another provider or region",
    "backup-scratch-in-root": "inventory/bad.yaml:7:97: E184 Backup/a.example: spec.drills.scratch: /srv/www/a/tmp and /srv/www/a of Backup/a.example are in each other\n  hint: name a folder that holds nothing else, as in /var/tmp/drills",
    "backup-panel-by-host": "inventory/bad.yaml:3:106: E185 BackupPolicy/x: spec.schedule: near makes backups by its own schedule, or when it is asked\n  hint: write by: panel, or by: reconciler",
    "backup-panel-by-us": "inventory/bad.yaml:3:1: E185 BackupPolicy/x: spec.schedule: near has no path: what is asked of it cannot be seen from here\n  hint: add path to it (where its backup folder is mounted), or by: panel to BackupPolicy/x",
    "backup-copies-append-only": "inventory/bad.yaml:4:121: E186 BackupPolicy/x: spec.keep.within: far only appends: who adds snapshots pushes ours out\n  hint: write keep: {within: 14d} or more: what is younger always stays",
    "backup-buckets-lock": "inventory/bad.yaml:4:142: E187 BackupRepository/b: spec.immutability.mode: BackupRepository/a is in the same bucket, and says governance",
    "backup-policy-panel-of-archive": "inventory/bad.yaml:3:80: E188 BackupPolicy/x: spec.sources.a: near is of archive, and no panel puts anything there\n  hint: name a repository of the panel (engine: whm, engine: plesk) in copies, or write files, and the paths of the folder that it is in",
    "backup-policy-cron-never": "inventory/bad.yaml:3:118: E125 BackupPolicy/x: spec.schedule.cron: '0 0 30 2 *' is never due: no such month has such a day\n  hint: `reconciler schema BackupPolicy` says what it accepts",
    "backup-policy-expect-sql-of-files": "inventory/bad.yaml:3:80: E125 BackupPolicy/x: spec.sources.a: expect[0]: sql is not looked at in files: write path, glob or http\n  hint: `reconciler schema BackupPolicy` says what it accepts",
    "backup-policy-expect-path-min": "inventory/bad.yaml:3:104: E125 BackupPolicy/x: spec.sources.a.expect[0]: min says nothing of path, which takes contains, type\n  hint: `reconciler schema BackupPolicy` says what it accepts",
    "plain-secret-hunter": "inventory/bad.yaml:5:10: E150 Provider/x: spec.credentials.key: a secret is written in plain text",
    "card-visa": "inventory/bad.yaml:5:13: E151 a payment card number",
    "key-pattern-aws": "inventory/bad.yaml:5:12: E152 an AWS access key",
    "card-field-cvv": "inventory/bad.yaml:5:3: E153 cvv is a field for card data",
}
BY_ID = {case.id: case for case in CASES}


@pytest.mark.parametrize("name", SAID)
def test_says(name):
    case = BY_ID[name]
    wanted = SAID[name]
    if "\n" not in wanted:
        wanted += f"\n  hint: {TABLE[case.code].mend}"
    assert load_errors(Texts(case.files)) == [wanted]


def test_each_code_is_shown_here():
    said = {BY_ID[name].code for name in SAID}
    assert said == {code for code in TABLE if code.startswith("E")} - {"E134"}
