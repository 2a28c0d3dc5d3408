"""Policies of other programs, in the shape that their documentation gives them."""

from __future__ import annotations

#: README of borgmatic 2.1, with what "Databases", "Credentials" and "Command hooks" add.
BORGMATIC = """\
# List of source directories to backup.
source_directories:
    - /home
    - /etc
    - /var/log/syslog*

# Paths of local or remote repositories to backup to.
repositories:
    - path: ssh://k8pDxu32@k8pDxu32.repo.borgbase.com/./repo
      label: borgbase
    - path: /var/lib/backups/local.borg
      label: local

exclude_patterns:
    - '*.pyc'
    - /home/*/.cache

# Retention policy for how many backups to keep.
keep_within: 2d
keep_daily: 7
keep_weekly: 4
keep_monthly: 6
keep_13weekly: 2

# List of checks to run to validate your backups.
checks:
    - name: repository
    - name: archives
      frequency: 2 weeks

# Custom preparation scripts to run.
commands:
    - before: action
      when: [create]
      run: [prepare-for-backup.sh, "echo started | tee /tmp/log"]
    - after: error
      run: [tell-somebody]
    - before: action
      when: [prune]
      run: [never-here]

# Databases to dump and include in backups.
postgresql_databases:
    - name: users
    - name: invoices
      hostname: database.example
      username: postgres
      password: canary-of-a-database
    - name: all
sqlite_databases:
    - name: shop
      path: /var/lib/shop/shop.sqlite

# Third-party services to notify you if backups aren't happening.
healthchecks:
    ping_url: https://hc-ping.example/canary-of-a-ping
encryption_passphrase: "canary-of-a-phrase"
compression: zstd
"""
#: borgmatic before 1.8: sections, and repositories as texts.
BORGMATIC_OLD = """\
location:
    source_directories: [/srv/www]
    repositories: [user@backup.example:site.borg]
storage:
    encryption_passphrase: canary-of-a-phrase
retention:
    keep_daily: 3
hooks:
    before_backup: [stop-it]
    on_error: ["curl https://canary.example/fail"]
"""
#: "Quickstart", "Aliases", "Copy", "Forget/Prune Policies" of autorestic's pages.
AUTORESTIC = """\
version: 2

extras:
  hooks: &foo
    before:
      - echo Hello
    after:
      - echo kthxbye
  policies: &bar
    keep-daily: 14
    keep-weekly: 52

global:
  forget:
    keep-within: 14d

locations:
  home:
    from: /data/me
    to: remote
    cron: '0 3 * * 0' # Every Sunday at 3:00
    forget: prune
    hooks:
      <<: *foo
    options:
      forget:
        <<: *bar
      backup:
        exclude:
          - '*.nope'
          - /data/me/cache
        exclude-file: .gitignore
  important:
    from: /path/to/important/stuff
    to:
      - remote
      - hdd
      - b2
    copy:
      remote: [hdd2]

backends:
  remote:
    type: s3
    path: 's3.amazonaws.com/bucket_name'
    key: canary-of-a-key
    env:
      AWS_ACCESS_KEY_ID: canary-of-an-id
      AWS_SECRET_ACCESS_KEY: canary-of-a-secret
  hdd:
    type: local
    path: /mnt/my_external_storage
    key: 'canary-of-another-key'
  hdd2: {type: rest, path: 'https://user:canary-of-rest@host.example:6969/path'}
  b2: {type: b2, path: 'myBucket:backup/home'}
"""
#: "Inheritance", "Copy command", "Schedule configuration" of resticprofile's pages.
RESTICPROFILE = """\
version: "1"

global:
  default-command: snapshots

default:
  repository: local:/backup/{{ .Profile.Name }}
  password-file: key
  copy:
    repository: "s3:https://s3.eu-west-1.amazonaws.com/acme/copy"
    password-command: print-canary-of-a-password
  env:
    AWS_ACCESS_KEY_ID: canary-of-an-id
  retention:
    after-backup: true
    keep-last: 2
    keep-daily: 1
    keep-tag: [forever]
  backup:
    exclude: ['*~', /**/.git]

homes:
  inherit: default
  run-before: mount-it
  retention:
    keep-daily: 30
    keep-within: 1y5m7d2h
  backup:
    source: [/home/, /srv/www]
    schedule: "Mon..Fri *-*-* 02:30"
    run-after-fail: "echo $ERROR"
    tag: nightly

odd:
  inherit: default
  backup:
    source: ["/var/{{ .Hostname }}"]
"""
RESTICPROFILE_TOML = """\
version = "1"

[global]
default-command = "snapshots"

# Default profile when not specified on the command line
[default]
  repository = "/backup"
  password-file = "key"

[root]
  inherit = "default"
  [root.backup]
    source = [ "/etc", "/var/mail" ]
    schedule = "daily"
    exclude-caches = true
  [root.retention]
    keep-last = 3
    keep-hourly = 1
"""
RESTICPROFILE_2 = """\
version: "2"
groups:
  all: {profiles: [site]}
profiles:
  base: {repository: "rest:http://127.0.0.1:8000/site", password-file: key}
  site:
    inherit: base
    backup:
      source: [/srv/site]
      schedule: {at: "*:00/15", permission: system}
"""
CANARIES = ("canary-of", "canary.example")
