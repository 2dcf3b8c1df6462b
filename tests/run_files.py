"""What a run leaves in its folder, read without golong."""
import json
import re
import struct
from pathlib import Path


def depends_on_the_machine(name):
    """Whether a metric is another each time the same run is made: times, speeds, memory."""
    return name.startswith(("time/", "perf/", "ranks/wait_seconds/")) or name.endswith("tokens_per_second")


def metrics_by_step(run):
    """All numbers of metrics.jsonl by step; no step stands twice."""
    steps = {}
    for line in (Path(run) / "metrics.jsonl").read_text().splitlines():
        values = json.loads(line)
        assert values["step"] not in steps
        steps[values.pop("step")] = values
    return steps


def documented_metric(page):
    """A function that says whether a metric has a line in the tables of `page`: `a/<b>/c` names all that have something
    other in the place of <b>, and `/d` after it a/<b>/d."""
    patterns = []
    for line in Path(page).read_text().splitlines():
        if not line.startswith("| `"):
            continue
        for name in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
            if name.startswith("/"):
                name = patterns[-1].rsplit("/", 1)[0] + name
            patterns.append(name)
    compiled = [re.compile(re.sub(r"<\w+>", "[^/]+", re.escape(name))) for name in patterns]
    return lambda name: any(pattern.fullmatch(name) for pattern in compiled)


def crc32c(data):
    """CRC-32C (Castagnoli), bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    """The data of each TFRecord, whose checksums must hold. A torn last one is left out, as TensorBoard does."""
    data = Path(path).read_bytes()
    at = 0
    while at + 12 <= len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked(crc32c(data[at:at + 8])), f"{path}: length at byte {at}"
        if at + 16 + length > len(data):
            return
        record = data[at + 12:at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(crc32c(record)), f"{path}: data at {at}"
        yield record
        at += 16 + length


def fields(message):
    """(number, value) of each field of a protobuf message; texts and messages as bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        number, wire = key >> 3, key & 7
        if wire == 0:
            yield number, varint()
        elif wire == 2:
            length = varint()
            assert at + length <= len(message)
            yield number, message[at:at + length]
            at += length
        else:
            size, kind = {1: (8, "<d"), 5: (4, "<f")}[wire]
            yield number, struct.unpack_from(kind, message, at)[0]
            at += size


def tensorboard_curves(folder):
    """{tag: [(step, value), ...]} as TensorBoard shows them: files in the order of their names. TensorBoard drops what
    was there of a step and later where a session starts at it, its fast loader does not: both must see the same."""
    curves, fast = {}, {}
    for path in sorted(Path(folder).glob("events.out.tfevents.*")):
        events = [dict(fields(record)) for record in records(path)]
        assert events[0][3] == b"brain.Event:2", f"{path}: the first event is the version"
        for event in events[1:]:
            if 7 in event and dict(fields(event[7]))[1] == 1:  # session_log.status: START
                curves = {tag: [point for point in points if point[0] < event.get(2, 0)] for tag, points in curves.items()}
            for number, value in fields(event.get(5, b"")):  # summary.value
                assert number == 1
                value = dict(fields(value))
                for shown in curves, fast:
                    shown.setdefault(value[1].decode(), []).append((event.get(2, 0), value[2]))
    assert curves == fast
    return curves
