"""The observation cache may be lost, but never lies."""

from datetime import UTC, datetime, timedelta

from reconciler.cli.cache import FileCache

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def test_what_is_put_is_there_until_then(tmp_path):
    clock = Clock()
    cache = FileCache(tmp_path / "c", clock)
    cache.put("a", {"x": [1, None]}, NOW + HOUR)
    assert cache.get("a") == {"x": [1, None]}
    cache.close()
    again = FileCache(tmp_path / "c", clock)
    assert again.get("a") == {"x": [1, None]}
    clock.now = NOW + HOUR
    assert FileCache(tmp_path / "c", clock).get("a") is None


def test_another_zone_of_time_is_the_same_moment(tmp_path):
    cache = FileCache(tmp_path / "c", Clock())
    east = (NOW + HOUR).astimezone(tz=datetime.strptime("+0900", "%z").tzinfo)
    cache.put("a", 1, east)
    cache.close()
    assert FileCache(tmp_path / "c", Clock()).get("a") == 1


def test_forgetting_holds_without_closing(tmp_path):
    """A run that dies right after must not leave the old answer behind."""
    first = FileCache(tmp_path / "c", Clock())
    first.put("a", 1, NOW + HOUR)
    first.close()
    second = FileCache(tmp_path / "c", Clock())
    second.put("a", None, NOW - HOUR)
    assert second.get("a") is None
    assert FileCache(tmp_path / "c", Clock()).get("a") is None


def test_a_damaged_file_is_started_anew(tmp_path):
    (tmp_path / "c").write_bytes(b"no database" * 999)
    cache = FileCache(tmp_path / "c", Clock())
    cache.put("a", 1, NOW + HOUR)
    cache.close()
    assert FileCache(tmp_path / "c", Clock()).get("a") == 1


def test_two_writers_do_not_wait_for_each_other(tmp_path):
    one, other = (FileCache(tmp_path / "c", Clock()) for _ in range(2))
    one.put("a", 1, NOW + HOUR)
    other.put("b", 2, NOW + HOUR)
    one.close()
    other.close()
    third = FileCache(tmp_path / "c", Clock())
    assert (third.get("a"), third.get("b")) == (1, 2)


def test_what_is_put_before_the_first_question_is_there(tmp_path):
    cache = FileCache(tmp_path / "c", Clock())
    cache.put("a", 1, NOW + HOUR)
    cache.put("a", 2, NOW + HOUR)
    assert cache.get("a") == 2
    cache.put("a", 3, NOW + HOUR)
    assert cache.get("a") == 3
    cache.put("a", 3, NOW)
    assert cache.get("a") is None
    cache.close()
    assert FileCache(tmp_path / "c", Clock()).get("a") is None
