"""
Machines at Amazon EC2.

Sources: the API reference (``DescribeInstances``, ``DescribeInstanceTypes``,
``StopInstances``, ``ModifyInstanceAttribute``, ``StartInstances``, ``ModifyVolume``,
``DescribeVolumesModifications``, ``CreateTags``) and the user guide ("Change the
instance type", "Modify an EBS volume"). What it has and what follows from it:

* Instances are listed region by region: the regions of what is declared, else the usual
  one. What was terminated is listed for an hour, and is not there.
* An instance type changes only while it is ``stopped`` (``IncorrectInstanceState``
  otherwise). The state is read right before, too: no emulator refuses it.
* All disks are EBS volumes: the first one grows as any other does. One that was
  modified is not modified again for six hours (``VolumeModificationRateExceeded``). Its
  file system is grown by the machine itself (cloud-init's ``growpart``).
* A stop and a start may give another public address, unless it has an Elastic IP.
* There is no list of prices in this API: ``settings: {price.t3.small: 15.18 USD,
  price.volume: 0.08 USD}`` of the account has them, per month. Without them nothing
  that could cost money is done.
* ``identity`` is the account's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from reconciler.errors import Rejected, TooEarly
from reconciler.kinds.server import ROOT, Offer, Server, ServerState
from reconciler.model import Account, Advice, Money
from reconciler.providers._answers import mapping
from reconciler.providers._aws import CREDENTIALS, REGION, Aws, Refusal, pages
from reconciler.providers._detail import Details
from reconciler.providers._machines import GIB, Machines, wrong_settings

EC2: Final = "ec2"
TAG: Final = "reconciler:stopped"
_STATUS: Final = {"running": "running", "stopped": "off"}
_GONE: Final = frozenset({"terminated", "shutting-down"})
_PAGE: Final = 1000
_MIB: Final = 1024**2
#: "After modifying a volume, you must wait at least six hours".
SIX_HOURS: Final = timedelta(hours=6)
#: What a size is made of does not change.
_KEPT: Final = timedelta(days=30)


class AwsServer(Machines):
    """The instances of one account."""

    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._aws = Aws(account)
        self._details = Details(account, f"{account.endpoint}|{EC2}")
        self._volumes: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """Let go of connections."""
        self._aws.close()

    def identity(self) -> str | None:
        """Return the account's number."""
        return self._aws.identity()

    def examine(self) -> Iterator[Advice]:
        """Name keys that may do everything, and prices that cannot be read."""
        yield from self._aws.examine()
        for name in wrong_settings(self._account):
            yield Advice(f"settings: {name} is no amount", "write it as 15.18 USD")

    def counted(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        found = dict(self._aws.counts)
        self._aws.counts.clear()
        return found

    # -- reading -----------------------------------------------------------------------

    def listed(self, wants: Sequence[Server]) -> Iterator[ServerState]:
        """Yield every instance of the regions that *wants* are in."""
        for region in sorted({want.spec.region or REGION for want in wants}):
            yield from self._read(region, MaxResults=_PAGE)

    def _read(self, region: str, **asked: Any) -> Iterator[ServerState]:
        calls = self._aws.calls(EC2, region)
        rows: list[Mapping[str, Any]] = []
        for page in pages(calls.describe_instances, "NextToken<NextToken", **asked):
            for reservation in page["Reservations"]:
                rows += reservation["Instances"]
        alive = [row for row in rows if row["State"]["Name"] not in _GONE]
        ids = [str(row["InstanceId"]) for row in alive]
        volumes = self._read_volumes(region, ids if "InstanceIds" in asked else None)
        for row in alive:
            yield self._state(row, region, volumes)

    def _read_volumes(
        self, region: str, machines: Sequence[str] | None
    ) -> dict[str, int]:
        """Return the sizes of volumes, by id."""
        asked: dict[str, Any] = {"MaxResults": _PAGE}
        if machines is not None:
            name = "attachment.instance-id"
            asked = {"Filters": [{"Name": name, "Values": [*machines]}]}
        calls = self._aws.calls(EC2, region)
        found: dict[str, int] = {}
        for page in pages(calls.describe_volumes, "NextToken<NextToken", **asked):
            for row in page["Volumes"]:
                found[str(row["VolumeId"])] = int(row["Size"]) * GIB
        return found

    def fresh(self, at: ServerState) -> ServerState:
        """Return a new reading of one instance, and of its volumes."""
        region = at.region or REGION
        found = [*self._read(region, InstanceIds=[at.machine])]
        if len(found) != 1:
            raise Rejected(f"{at.machine} is not there")
        return found[0]

    def _state(
        self, row: Mapping[str, Any], region: str, sizes: Mapping[str, int]
    ) -> ServerState:
        machine, status = str(row["InstanceId"]), str(row["State"]["Name"])
        tags = {str(t["Key"]): str(t["Value"]) for t in row.get("Tags") or ()}
        since = self.stopped_by_us(tags.get(TAG, ""))
        first = str(row.get("RootDeviceName") or "")
        named = self._volumes[machine] = {
            ROOT if str(one["DeviceName"]) == first else _device(one): volume
            for one in row.get("BlockDeviceMappings") or ()
            if (volume := str((one.get("Ebs") or {}).get("VolumeId") or "")) in sizes
        }
        root = named.get(ROOT)
        return ServerState(
            machine=machine,
            name=tags.get("Name") or machine,
            size=str(row["InstanceType"]),
            status=_STATUS.get(status, "other"),  # type: ignore[arg-type]
            region=region,
            disk=sizes[root] if root else None,
            disk_grows=root is not None,
            volumes={k: sizes[v] for k, v in named.items() if k != ROOT},
            busy=None if status in _STATUS else status,
            since=since,
            ours=since is not None,
        )

    # -- what it costs -----------------------------------------------------------------

    def offers(self, at: ServerState, names: Iterable[str]) -> dict[str, Offer]:
        """Return the types *names*, with the prices of the account's settings."""
        region = at.region or REGION
        found: dict[str, Offer] = {}
        for name in names:
            kept = self._details.kept("type", f"{region}/{name}", None)
            if kept is None:
                kept = self._described(region, name)
                self._details.keep("type", f"{region}/{name}", None, kept, _KEPT)
            if not isinstance(kept, list) or not kept:
                continue
            cores, memory = (int(str(one)) for one in kept)
            found[name] = Offer(
                cores=cores, memory=memory * _MIB, monthly=self.priced(name)
            )
        return found

    def _described(self, region: str, name: str) -> list[Any]:
        """Return cores and MiB of a type; an empty list where there is no such type."""
        calls = self._aws.calls(EC2, region)
        try:
            said = calls.describe_instance_types(InstanceTypes=[name])
        except Refusal as no:
            if no.aws_code.startswith("InvalidInstanceType"):
                return []
            raise
        rows = said["InstanceTypes"]
        if not rows:
            return []
        cores = mapping(rows[0]["VCpuInfo"])["DefaultVCpus"]
        return [int(cores), int(mapping(rows[0]["MemoryInfo"])["SizeInMiB"])]

    def storage(self, at: ServerState) -> Money | None:
        """Return the price of a GiB of a volume, as the account's settings have it."""
        del at
        return self.priced("volume")

    # -- acting ------------------------------------------------------------------------

    def mark(self, at: ServerState, text: str) -> None:
        """Tag the instance."""
        tags = [{"Key": TAG, "Value": text}]
        self._call(at, "create_tags", Resources=[at.machine], Tags=tags)

    def unmark(self, at: ServerState) -> None:
        """Take the tag away."""
        tags = [{"Key": TAG}]
        self._call(at, "delete_tags", Resources=[at.machine], Tags=tags)

    def stop(self, at: ServerState) -> str | None:
        """Stop it, in good order."""
        self._call(at, "stop_instances", InstanceIds=[at.machine])
        return None

    def start(self, at: ServerState) -> str | None:
        """Start it."""
        self._call(at, "start_instances", InstanceIds=[at.machine])
        return None

    def retype(self, at: ServerState, size: str, *, disk: bool) -> str | None:
        """Change its type, never while it runs."""
        del disk  # its disks do not come with the type
        live = self.fresh(at)
        if live.status != "off" or live.busy is not None:
            what = f"{at.machine} is not stopped: its type cannot be changed"
            raise Rejected(what, hint="plan again")
        self._call(
            at,
            "modify_instance_attribute",
            InstanceId=at.machine,
            InstanceType={"Value": size},
        )
        return None

    def grow(self, at: ServerState, volume: str, gib: int) -> str | None:
        """Make a volume larger; not within six hours of the last time."""
        number = self._volumes.get(at.machine, {}).get(volume)
        if number is None:
            raise Rejected(f"{at.name} has no volume {volume}")
        until = self._modified(at, number)
        if until is not None:
            what = f"{volume} was modified less than six hours ago"
            raise TooEarly(what, until=until)
        try:
            self._call(at, "modify_volume", VolumeId=number, Size=gib)
        except Refusal as no:
            if no.aws_code != "VolumeModificationRateExceeded":
                raise
            until = self._account.clock() + SIX_HOURS
            raise TooEarly(no.what, until=until, request_id=no.request_id) from None
        return None

    def _modified(self, at: ServerState, number: str) -> datetime | None:
        """Return until when a volume may not be modified again; None: now."""
        calls = self._aws.calls(EC2, at.region or REGION)
        try:
            said = calls.describe_volumes_modifications(VolumeIds=[number])
        except Refusal as no:
            if no.aws_code == "InvalidVolumeModification.NotFound":
                return None
            raise
        begun = [
            one["StartTime"]
            for one in said.get("VolumesModifications") or ()
            if isinstance(one.get("StartTime"), datetime)
        ]
        until = max(begun) + SIX_HOURS if begun else None
        return until if until and until > self._account.clock() else None

    def _call(self, at: ServerState, operation: str, **values: Any) -> None:
        calls = self._aws.calls(EC2, at.region or REGION)
        calls(operation, **values)
        self.request_id = calls.request_id or self.request_id

    def failed(self, at: ServerState, task: str) -> str | None:
        """Nothing of this service is a task: None."""
        del at, task
        return None


def _device(one: Mapping[str, Any]) -> str:
    """Return what a volume is called that is not the first: ``sdb``, ``xvdc``."""
    return str(one["DeviceName"]).removeprefix("/dev/")


DRIVER = AwsServer
