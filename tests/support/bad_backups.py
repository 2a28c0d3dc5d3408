"""Backups that must be refused: every field, and what only several documents show."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_FAR = "failureDomain: {provider: p, region: b}"
_NEAR = (
    "BackupRepository/near: {engine: archive, url: file:///srv/near, "
    "credentials: {password: {env: P}}, failureDomain: {provider: p, region: a}}\n"
)
_OF = "HostingPlan/q: {price: 1.00 EUR/month, packages: {w: x}}\nProvider/w: {type: w, credentials: {}}\nHostingAccount/a.example: {provider: w, plan: q}\n"
_GOOD = (
    "objectives: {rpo: 26h, rto: 2h}, sources: {files: {paths: [www]}}, copies: [near]"
)


def place(name: str, fields: str, code: str) -> None:
    """Add a case: one repository with these fields, on line 2."""
    bad(f"backup-place-{name}", f"{HEAD}BackupRepository/x: {{{fields}}}\n", code, 2)


def policy(name: str, fields: str, code: str) -> None:
    """Add a case: one policy with these fields in the place of good ones, on line 3."""
    keys = {one.split(":")[0] for one in fields.split(", ") if ":" in one}
    parts = [
        part
        for part in (
            "objectives: {rpo: 26h, rto: 2h}",
            "sources: {files: {paths: [www]}}",
            "copies: [near]",
        )
        if part.split(":")[0] not in keys
    ]
    text = ", ".join([*parts, fields])
    bad(f"backup-policy-{name}", f"{HEAD}{_NEAR}BackupPolicy/x: {{{text}}}\n", code, 3)


def backup(name: str, fields: str, code: str) -> None:
    """Add a case: one backup with these fields, on line 7."""
    whole = f"{HEAD}{_NEAR}BackupPolicy/x: {{{_GOOD}}}\n{_OF}"
    bad(f"backup-{name}", f"{whole}Backup/a.example: {{{fields}}}\n", code, 7)


def copies(name: str, repository: str, fields: str, code: str) -> None:
    """Add a case: a second repository, and a policy with these fields on line 4."""
    second = f"BackupRepository/far: {{{repository}}}\n"
    text = f"{_GOOD.partition(', copies')[0]}, {fields}"
    whole = f"{HEAD}{_NEAR}{second}BackupPolicy/x: {{{text}}}\n"
    bad(f"backup-copies-{name}", whole, code, 4)


_AT_WHM = (
    "BackupRepository/near: {engine: whm, url: https://whm1.example:2087, "
    "credentials: {write: {env: P}}}\n"
)
for _name, _rest in {
    "files": "sources: {files: {paths: [www]}}, schedule: {by: panel}",
    "both": "sources: {a: {type: panel}, files: {paths: [www]}}, schedule: {by: panel}",
    "by-us": "sources: {a: {type: panel}}",
    "by-host": "sources: {a: {type: panel}}, schedule: {by: host}",
}.items():
    bad(
        f"backup-panel-{_name}",
        f"{HEAD}{_AT_WHM}BackupPolicy/x: "
        f"{{objectives: {{rpo: 26h, rto: 2h}}, copies: [near], {_rest}}}\n",
        "E185",
        3,
    )
_AT_PLESK = _AT_WHM.replace("whm", "plesk")
bad(
    "backup-panel-plesk-by-host",
    f"{HEAD}{_AT_PLESK}BackupPolicy/x: {{objectives: {{rpo: 26h, rto: 2h}}, "
    "copies: [near], sources: {a: {type: panel}}, schedule: {by: host}}\n",
    "E185",
    3,
)
_SQL = "{sql: select 1, min: 1}"
policy("panel-of-archive", "sources: {a: {type: panel}, b: {paths: [www]}}", "E188")
policy("panel-sql", f"sources: {{a: {{type: panel, expect: [{_SQL}]}}}}", "E125")
_PLACE = "engine: archive, url: file:///srv/x, credentials: {password: {env: P}}"
_S3 = (
    'engine: restic, url: "s3:https://s3.example/b", credentials: {password: {env: P}}'
)
place("no-engine", "url: file:///srv/x", "E121")
place("price", "engine: archive, url: file:///srv/x, price: 24", "E125")
place("no-url", "engine: archive", "E121")
_WHM = "engine: whm, url: https://whm1.example:2087"
place("panel-path", f"{_WHM}, path: mnt/whm1", "E125")
place("panel-nobodys", f"{_WHM}, panel: {{daily: 7}}", "E125")
place("panel-of-archive", f"{_PLACE}, provider: w, panel: {{daily: 7}}", "E125")
place("panel-empty", f"{_WHM}, provider: w, panel: {{}}", "E125")
place("panel-none", f"{_WHM}, provider: w, panel: {{daily: 0}}", "E124")
place("panel-many", f"{_WHM}, provider: w, panel: {{daily: 1001}}", "E124")
place("panel-word", f"{_WHM}, provider: w, panel: {{hourly: 2}}", "E120")
place("panel-text", f"{_WHM}, provider: w, panel: {{daily: many}}", "E122")
place("engine", "engine: borg, url: file:///srv/x", "E123")
place("url-text", "engine: archive, url: /srv/x", "E125")
place("url-http", 'engine: archive, url: "http://backup.example/x"', "E125")
place("url-user", 'engine: archive, url: "https://a:b@backup.example/x"', "E125")
place("url-of-no-archive", f"{_PLACE.replace('file:///srv/x', 'rest:https://b.example/x')}", "E125")  # fmt: skip
place("url-of-no-restic", "engine: restic, url: 'https://b.example/x', credentials: {password: {env: P}}", "E125")  # fmt: skip
place("url-of-no-panel", _WHM.replace("https://whm1.example:2087", "s3:https://s3.example/b"), "E125")  # fmt: skip
place("url-no-bucket", _S3.replace("s3.example/b", "s3.example/"), "E125")
place("escrow-is-password", f"{_PLACE}, escrowKey: {{env: P}}", "E125")
place("no-password", "engine: restic, url: file:///srv/x", "E125")
place("path", f"{_PLACE}, path: a b", "E124")
place("provider", f"{_PLACE}, provider: nowhere", "E133")
place("credential", f"{_PLACE[:-1]}, read: {{env: P}}}}", "E120")
place("password-plain", "engine: restic, url: file:///srv/x, credentials: {password: hunter2}", "E150")  # fmt: skip
place("escrow-plain", f"{_PLACE}, escrowKey: hunter2", "E150")
place("domain-no-provider", f"{_PLACE}, failureDomain: {{region: a}}", "E121")
place("lock-mode", f"{_PLACE}, immutability: {{mode: worm}}", "E123")
place("lock-no-s3", f"{_PLACE}, immutability: {{mode: compliance}}", "E125")
place("lock-short", f"{_S3}, immutability: {{mode: compliance, for: 2h}}", "E125")
place("lock-extend", f"{_S3}, immutability: {{mode: compliance, extend: 5}}", "E122")
place(
    "lifecycle-shorter-than-lock",
    f"{_S3}, immutability: {{mode: compliance, for: 35d}}, bucket: {{expire: 30d}}",
    "E125",
)
place("bucket-encryption", f"{_S3}, bucket: {{encryption: rot13}}", "E123")
place("bucket-versioning", f"{_S3}, bucket: {{versioning: maybe}}", "E122")
place("bucket-block", f"{_S3}, bucket: {{publicAccessBlock: maybe}}", "E122")
place("bucket-expire", f"{_S3}, bucket: {{expire: 1mo}}", "E125")
place("bucket-replicate", f"{_S3}, bucket: {{replicate: [a]}}", "E122")
place("bucket-replicate-to", f"{_S3}, bucket: {{replicate: other}}", "E124")
place("bucket-no-provider", f"{_S3}, bucket: {{versioning: true}}", "E125")
place("bucket-of-a-folder", f"{_PLACE}, bucket: {{versioning: true}}", "E125")
place("bucket-expire-short", f"{_S3}, provider: w, bucket: {{expire: 2h}}", "E125")
place(
    "lock-without-versions",
    f"{_S3}, provider: w, immutability: {{mode: compliance}}, bucket: {{versioning: false}}",
    "E125",
)
place(
    "replica-without-versions",
    f"{_S3}, provider: w, bucket: {{versioning: false, replicate: 'arn:aws:s3:::r'}}",
    "E125",
)

policy("no-rto", "objectives: {rpo: 26h}", "E121")
policy("rpo", "objectives: {rpo: daily, rto: 2h}", "E125")
policy("rpo-month", "objectives: {rpo: 1mo, rto: 2h}", "E125")
policy("rpo-shorter-than-schedule", "objectives: {rpo: 12h, rto: 2h}", "E180")
policy("rpo-clocks-go-back", 'schedule: {cron: "15 2 * * *", timeZone: Europe/Amsterdam}, objectives: {rpo: 24h, rto: 2h}', "E180")  # fmt: skip
policy("rpo-weekly", 'schedule: {cron: "0 3 * * 0"}', "E180")
policy("cron-fields", 'schedule: {cron: "2 * * *"}', "E125")
policy("cron-minute", 'schedule: {cron: "61 2 * * *"}', "E125")
policy("cron-never", 'schedule: {cron: "0 0 30 2 *"}', "E125")
policy("cron-never-in-months", 'schedule: {cron: "0 0 31 4-6/2,9,11 */2"}', "E125")
policy("cron-number", "schedule: {cron: 5}", "E125")
policy("zone", "schedule: {timeZone: Mars}", "E125")
policy("by", "schedule: {by: somebody}", "E123")
policy("no-sources", "sources: {}", "E124")
policy("source-name", "sources: {Files: {paths: [www]}}", "E124")
policy("source-type", "sources: {db: {type: oracle}}", "E123")
policy("source-no-paths", "sources: {files: {}}", "E125")
policy("source-absolute", "sources: {files: {paths: [/etc]}}", "E125")
policy("source-up", "sources: {files: {paths: [../x]}}", "E125")
policy("source-sqlite", "sources: {db: {type: sqlite}}", "E125")
policy("source-database", 'sources: {db: {type: mysql, database: "a;b"}}', "E124")
policy("source-connection", "sources: {db: {type: mysql, connection: root@x}}", "E150")
policy("source-min-files", "sources: {files: {paths: [www], minFiles: -1}}", "E124")
policy("source-min-bytes", "sources: {files: {paths: [www], minBytes: large}}", "E125")
policy("source-unproven", "sources: {files: {paths: [www], canary: false}}", "E125")
policy("source-exclude", "sources: {files: {paths: [www], exclude: cache}}", "E122")
policy("expect-two", "sources: {files: {paths: [www], expect: [{path: a, glob: b}]}}", "E125")  # fmt: skip
policy("expect-none", "sources: {files: {paths: [www], expect: [{min: 3}]}}", "E125")
policy("expect-sql", "sources: {db: {type: mysql, expect: [{sql: select 1}]}}", "E125")
for _name, _source in {
    "sql-of-files": "paths: [www], expect: [{sql: select 1, min: 1}]",
    "sql-of-files-alone": "paths: [www], canary: false, expect: [{sql: select 1, min: 1}]",
    "path-of-mysql": "type: mysql, database: d, expect: [{path: dump.sql}]",
    "glob-of-postgres": "type: postgres, database: d, expect: [{glob: '*'}]",
    "http-of-sqlite": "type: sqlite, database: d, expect: [{http: /}]",
    "path-min": "paths: [www], expect: [{path: a, min: 5}]",
    "path-max-age": "paths: [www], expect: [{path: a, maxAge: 1d}]",
    "path-max-drop": "paths: [www], expect: [{path: a, maxDrop: 10%}]",
    "path-status": "paths: [www], expect: [{path: a, status: 404}]",
    "glob-max-age": "paths: [www], expect: [{glob: a, maxAge: 1d}]",
    "http-min": "paths: [www], expect: [{http: /, min: 1}]",
    "http-max-age": "paths: [www], expect: [{http: /, maxAge: 1d}]",
    "http-type": "paths: [www], expect: [{http: /, type: text}]",
    "sql-contains": "type: mysql, database: d, expect: [{sql: select 1, min: 1, contains: a}]",
    "sql-min-and-max-age": "type: mysql, database: d, expect: [{sql: select 1, min: 1, maxAge: 1d}]",
    "proves-nothing": "paths: [www], canary: false, minFiles: 0, expect: [{glob: '**', min: 0}]",
    "proves-nothing-http": "paths: [www], canary: false, expect: [{http: /x, status: 404}]",
}.items():
    policy(f"expect-{_name}", f"sources: {{a: {{{_source}}}}}", "E125")
policy("expect-http", "sources: {files: {paths: [www], expect: [{http: index}]}}", "E124")  # fmt: skip
policy("expect-status", "sources: {files: {paths: [www], expect: [{http: /, status: 42}]}}", "E124")  # fmt: skip
policy("expect-type", "sources: {files: {paths: [www], expect: [{glob: a, type: film}]}}", "E123")  # fmt: skip
policy("keep-negative", "keep: {daily: -1}", "E124")
policy("keep-field", "keep: {fortnightly: 2}", "E120")
policy("keep-least", "keep: {least: 0}", "E124")
policy("keep-within", "keep: {within: 1mo}", "E125")
policy("no-copies", "copies: []", "E124")
policy("copy-unknown", "copies: [nowhere]", "E133")
policy("copy-unknown-in-full", "copies: [{repository: nowhere}]", "E133")
policy("copy-twice", "copies: [near, near]", "E181")
policy("copy-lag", "copies: [{repository: near, maxLag: soon}]", "E125")
policy("copy-off-site-itself", "copies: [{repository: near, offSite: true}]", "E183")
policy("drill-every", "drills: {sample: {every: often}}", "E125")
policy("drill-no-every", "drills: {sample: {files: 5}}", "E121")
policy("drill-files", "drills: {sample: {every: 7d, files: 0}}", "E124")
policy("drill-copy", "drills: {sample: {every: 7d, copy: last}}", "E123")
policy("drill-point", "drills: {sample: {every: 7d, point: oldest}}", "E123")
policy("drill-check", "drills: {check: 0}", "E124")
policy("drill-most", "drills: {most: all}", "E125")
policy("drill-timeout", "drills: {timeout: 5}", "E125")
policy("scratch-in-repository", "drills: {scratch: /srv/near/tmp}", "E184")
policy("scratch-around", "drills: {scratch: /srv}", "E184")
policy("scratch-dots", "drills: {scratch: /var/tmp/../../srv/near}", "E184")
policy("anomaly", "anomaly: {shrink: 130}", "E125")
policy("prune-most", "prune: {most: a lot}", "E125")
policy("prune-verified", "prune: {verified: 1mo}", "E125")
policy("hook-shell", "hooks: {before: [{run: rm -rf x}]}", "E122")
policy("hook-empty", "hooks: {before: [{run: []}]}", "E124")
policy("hook-error", "hooks: {before: [{run: [a], onError: ignore}]}", "E123")
policy("budget", "budget: 8", "E125")
policy("heartbeat-plain", "heartbeat: https://hc.example/x", "E150")

backup("no-of", "policy: x", "E121")
backup("no-policy", "of: HostingAccount/a.example", "E121")
backup("of-nothing", "of: HostingAccount/b.example, policy: x", "E133")
backup("of-kind", "of: HostingPlan/q, policy: x", "E125")
backup("policy-missing", "of: HostingAccount/a.example, policy: y", "E133")
_ALL = "of: HostingAccount/a.example, policy: x"
backup("accept-text", f"{_ALL}, accept: abcdef0123", "E122")
backup("accept-short", f"{_ALL}, accept: [abc]", "E124")
backup("rpo", f"{_ALL}, objectives: {{rpo: 1h, rto: 1h}}", "E180")
backup("schedule", f'{_ALL}, schedule: {{cron: "0 3 1 * *"}}', "E180")
backup("cron-never", f'{_ALL}, schedule: {{cron: "0 2 31 4,6 *"}}', "E125")
backup("copies", f"{_ALL}, copies: [near, near]", "E181")
backup(
    "scratch-in-root",
    f"{_ALL}, root: /srv/www/a, drills: {{scratch: /srv/www/a/tmp}}",
    "E184",
)
backup("field", f"{_ALL}, keeps: 5", "E120")

backup("sources-of-a-panel", f"{_ALL}, sources: {{files: {{type: panel}}}}", "E188")
bad(
    "backup-beside-a-panel",
    f"{HEAD}{_AT_WHM}BackupPolicy/x: {{objectives: {{rpo: 26h, rto: 2h}}, copies: [near], "
    f"sources: {{a: {{type: panel}}}}, schedule: {{by: panel}}}}\n{_OF}"
    f"Backup/a.example: {{{_ALL}, sources: {{files: {{paths: [www]}}}}}}\n",
    "E185",
    7,
)

_BOTH = "copies: [near, {repository: far, offSite: true}]"
_OTHER = "engine: archive, url: file:///srv/far, credentials: {password: {env: P}}"
copies("off-site-same", f"{_OTHER}, failureDomain: {{provider: p, region: a, account: b}}", _BOTH, "E183")  # fmt: skip
copies("off-site-unsaid", _OTHER, _BOTH, "E183")
copies("off-site-no-region", f"{_OTHER}, failureDomain: {{provider: P}}", _BOTH, "E183")
copies("off-site-spelled", f"{_OTHER}, failureDomain: {{provider: P, region: A}}", _BOTH, "E183")  # fmt: skip
for _name, _url in {
    "same-place": "file:///srv/near/",
    "same-place-dots": "file:///srv/x/../n%65ar",
    "same-place-path": "file:///srv, path: near",
}.items():
    copies(
        _name,
        f"{_OTHER.replace('file:///srv/far', _url)}, {_FAR}",
        _BOTH,
        "E181",
    )
bad(
    "backup-copies-same-bucket",
    f"{HEAD}"
    'BackupRepository/a: {engine: restic, url: "s3:https://S3.example/b/x", credentials: {password: {env: P}}}\n'
    'BackupRepository/b: {engine: restic, url: "s3:https://s3.example:443/b", path: x/, credentials: {password: {env: P}}}\n'
    "BackupPolicy/x: {objectives: {rpo: 26h, rto: 2h}, sources: {files: {paths: [www]}}, copies: [a, b]}\n",
    "E181",
    4,
)
copies(
    "engines",
    f"engine: restic, url: file:///srv/far, credentials: {{password: {{env: P}}}}, {_FAR}",
    "copies: [near, far]",
    "E182",
)
copies(
    "append-only",
    f"{_OTHER}, {_FAR}, immutability: {{mode: append-only}}",
    "copies: [near, far], keep: {within: 0s}",
    "E186",
)


def buckets(name: str, first: str, second: str) -> None:
    """Add a case: two repositories in one bucket; the second one, line 4, is wrong."""
    both = "".join(
        f'BackupRepository/{one}: {{engine: archive, url: "s3:https://s3.example/b/{one}", '
        f"provider: w, credentials: {{password: {{env: P}}}}, {fields}}}\n"
        for one, fields in (("a", first), ("b", second))
    )
    account = "Provider/w: {type: aws, credentials: {}}\n"
    bad(f"backup-buckets-{name}", f"{HEAD}{account}{both}", "E187", 4)


buckets("lock", "immutability: {mode: governance}", "immutability: {mode: compliance}")
buckets("lock-for", "immutability: {mode: governance}", "immutability: {mode: governance, for: 9d}")  # fmt: skip
buckets("versioning", "bucket: {versioning: true}", "bucket: {versioning: false}")
buckets("encryption", "bucket: {encryption: AES256}", "bucket: {encryption: 'aws:kms'}")
