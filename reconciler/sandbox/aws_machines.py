"""
EC2 in moto: the instances of the world, and what AWS refuses and moto does not.

A type changes only while the instance is stopped, and a volume that was modified is not
modified again for six hours. CloudWatch has what they use, by the scenario and the
sandbox's clock, as far as somebody asks for it. The world's part is::

    instances: [{name: web1, type: t3.small, region: eu-central-1, status: running,
                 disk: 20, volumes: {sdb: 50}, tags: {...}, usage: {cpu: {...}}}]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from reconciler.sandbox.aws_zones import memory
from reconciler.sandbox.cloud_usage import Course, value
from reconciler.sandbox.emulator import Bench

#: The operations that change something, as the AWS documentation names them.
EFFECTS: Final = frozenset(
    [
        "StopInstances",
        "StartInstances",
        "ModifyInstanceAttribute",
        "ModifyVolume",
        "CreateTags",
        "DeleteTags",
    ]
)
EC2: Final = "ec2"
MEASURED: Final = "GetMetricData"
REGION: Final = "us-east-1"
SIX_HOURS: Final = timedelta(hours=6)
#: What CloudWatch calls it: namespace and name -> metric of the scenario, and how a
#: value of it becomes one of five minutes.
_SERIES: Final = {
    ("AWS/EC2", "CPUUtilization"): ("cpu", 0.0),
    ("AWS/EC2", "NetworkOut"): ("traffic", 300.0),
    ("AWS/EC2", "EBSReadBytes"): ("io", 75.0),
    ("AWS/EC2", "EBSWriteBytes"): ("io", 225.0),
    ("CWAgent", "mem_used"): ("memory", 1.0),
    ("CWAgent", "disk_used"): ("disk", 1.0),
}
_TICK: Final = timedelta(minutes=5)
_LOADED: Final = "moto.ec2.models"


class Refused(NamedTuple):
    """What AWS says no with."""

    code: str
    text: str


class Instances:
    """The machines of one bench; moto's part for them is dear, and loaded if needed."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._account = memory(bench)

    def _backend(self, region: str) -> Any:
        # No test needs the thousand images that moto would read first.
        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        from moto.ec2.models import ec2_backends

        return ec2_backends[self._account][region]

    def restore(self, seeds: Iterable[Mapping[str, Any]]) -> None:
        """Forget everything and have the instances of *seeds*."""
        self.forget()
        found = {}
        for seed in seeds:
            one = self._made(seed)
            found[one.id] = {
                "name": seed["name"],
                "region": str(seed.get("region", REGION)),
                "usage": dict(seed.get("usage", {})),
            }
        self._bench.state["instances"] = found
        self._bench.state["measured"] = {}
        self._bench.state.setdefault("begun", self._bench.clock().isoformat())

    def _made(self, seed: Mapping[str, Any]) -> Any:
        region = str(seed.get("region", REGION))
        backend = self._backend(region)
        kept = backend.run_instances(
            "ami-12345678",
            1,
            None,
            [],
            instance_type=str(seed["type"]),
            tags={"instance": {"Name": seed["name"], **seed.get("tags", {})}},
            region_name=region,
            is_instance_type_default=False,
        )
        one = kept.instances[0]
        for mapping in one.block_device_mapping.values():
            backend.get_volume(mapping.volume_id).size = int(seed.get("disk", 8))
        for device, size in sorted(dict(seed.get("volumes", {})).items()):
            volume = backend.create_volume(size=int(size), zone_name=f"{region}a")
            backend.attach_volume(volume.id, one.id, f"/dev/{device}")
        if seed.get("status", "running") == "off":
            backend.stop_instances([one.id])
        return one

    def forget(self) -> None:
        """Give the memory back: nobody asks any more."""
        if _LOADED not in sys.modules:
            return
        from moto.cloudwatch.models import cloudwatch_backends
        from moto.ec2.models import ec2_backends

        for backends in (ec2_backends, cloudwatch_backends):
            backends.pop(self._account, None)

    def refused(self, operation: str, body: bytes, region: str) -> Refused | None:
        """Return why AWS refuses a request that moto would carry out."""
        asked = dict(parse_qsl(body.decode("utf-8", "replace")))
        if operation == "ModifyInstanceAttribute" and "InstanceType.Value" in asked:
            one = self._backend(region).get_instance(asked["InstanceId"])
            if one.state != "stopped":
                text = f"The instance '{one.id}' is not in the 'stopped' state."
                return Refused("IncorrectInstanceState", text)
        if operation == "ModifyVolume":
            last = self._bench.state.setdefault("modified", {}).get(asked["VolumeId"])
            now = self._bench.clock()
            if last and now - datetime.fromisoformat(last) < SIX_HOURS:
                text = "You've reached the maximum modification rate per volume limit."
                return Refused("VolumeModificationRateExceeded", text)
        return None

    def after(self, operation: str, body: bytes, region: str) -> str:
        """Note what a request has done; return the name of the instance it is about."""
        asked = dict(parse_qsl(body.decode("utf-8", "replace")))
        if operation == "ModifyVolume":
            number, now = asked["VolumeId"], self._bench.clock()
            self._bench.state["modified"][number] = now.isoformat()
            volume = self._backend(region).get_volume(number)
            for one in volume.modifications:  # moto takes the machine's time
                one.start_time = one.end_time = now
            return self._name(volume.attachment.instance.id)
        numbers = ("InstanceId", "InstanceId.1", "ResourceId.1")
        return self._name(next((asked[n] for n in numbers if n in asked), ""))

    def _name(self, number: str) -> str:
        return str(self._bench.state["instances"].get(number, {}).get("name", number))

    def measure(self, region: str) -> None:
        """Have CloudWatch know what was used until now, since it was last asked."""
        from moto.cloudwatch.models import cloudwatch_backends

        state, now = self._bench.state, self._bench.clock()
        begun = datetime.fromisoformat(state["begun"])
        since = state["measured"].get(region)
        at = datetime.fromisoformat(since) if since else now - timedelta(hours=6)
        at = datetime.fromtimestamp(
            at.timestamp() // _TICK.seconds * _TICK.seconds, at.tzinfo
        )
        data: dict[str, list[dict[str, Any]]] = {}
        while (at := at + _TICK) <= now:
            for number, one in state["instances"].items():
                if one["region"] != region:
                    continue
                for (space, name), (metric, factor) in _SERIES.items():
                    if metric not in one["usage"]:
                        continue
                    course = Course.model_validate(one["usage"][metric])
                    used = value(course, f"{number}/{metric}", begun, at)
                    share = factor or 1 / self._cores(region, number)
                    row = _datum(name, number, at, used * share)
                    data.setdefault(space, []).append(row)
            state["measured"][region] = at.isoformat()
        backend = cloudwatch_backends[self._account][region]
        for space, rows in data.items():
            backend.put_metric_data(space, rows)

    def _cores(self, region: str, number: str) -> int:
        """Return the cores of an instance: utilisation is a share of all of them."""
        backend = self._backend(region)
        kind = backend.get_instance(number).instance_type
        (about,) = backend.describe_instance_types([kind])
        return int(about["VCpuInfo"]["DefaultVCpus"])


def _datum(name: str, number: str, at: datetime, used: float) -> dict[str, Any]:
    about = [{"Name": "InstanceId", "Value": number}]
    # moto compares moments without a zone.
    plain = at.astimezone(UTC).replace(tzinfo=None)
    return {
        "MetricName": name,
        "Dimensions": about,
        "Timestamp": plain,
        "Value": used,
    }
