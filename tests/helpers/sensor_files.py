"""Files of sensor formats, byte by byte, so that the tests need no program that writes them."""

import struct

import numpy as np

ANNOTATION_BYTES = 40


def edf_bytes(
    signals,
    onsets=None,
    *,
    kind="EDF+D",
    date="02.03.24",
    clock="22.58.07",
    recording="Startdate 02-MAR-2024 X X X",
    duration="1",
    texts=(),
):
    """EDF: signals are (label, unit, (physical min, max), digital of shape (record, n))."""
    num_records = len(signals[0][3])
    columns = [(label, unit, span, np.asarray(data, "<i2")) for label, unit, span, data in signals]
    if onsets is not None:
        lists = [f"+{onset}\x14\x14\0" + "".join(texts) for onset in onsets]
        raw = b"".join(entries.encode().ljust(ANNOTATION_BYTES, b"\0") for entries in lists)
        data = np.frombuffer(raw, "<i2").reshape(num_records, ANNOTATION_BYTES // 2)
        columns.append(("EDF Annotations", "", (-1, 1), data))
    num = len(columns)

    def field(*values, width):
        return "".join(str(value).ljust(width) for value in values).encode("latin-1")

    header = field("0", width=8) + field("X X X X", recording, width=80)
    header += field(date, clock, 256 * (num + 1), width=8) + field(kind, width=44)
    header += field(num_records, duration, width=8) + field(num, width=4)
    header += field(*(c[0] for c in columns), width=16) + field(*[""] * num, width=80)
    header += field(*(c[1] for c in columns), width=8)
    header += field(*(c[2][0] for c in columns), width=8)
    header += field(*(c[2][1] for c in columns), width=8)
    header += field(*[-32768] * num, width=8) + field(*[32767] * num, width=8)
    header += field(*[""] * num, width=80)
    header += field(*(c[3].shape[1] for c in columns), width=8) + field(*[""] * num, width=32)
    assert len(header) == 256 * (num + 1)
    return header + b"".join(
        column[3][record].tobytes() for record in range(num_records) for column in columns
    )


# FIT. A field is (number, base type, letter of struct, invalid value)
RECORD = 20
STAMP = (253, 0x86, "I", 0xFFFFFFFF)
HEART_RATE = (3, 0x02, "B", 0xFF)
ALTITUDE = (2, 0x84, "H", 0xFFFF)
LATITUDE = (0, 0x85, "i", 0x7FFFFFFF)
POWER = (7, 0x84, "H", 0xFFFF)
TEMPERATURE = (13, 0x01, "b", 0x7F)


def message(number, fields, values, developer=()):
    """A definition and a data message; developer fields are (number, size, index, bytes)."""
    mark = 0x60 if developer else 0x40
    definition = struct.pack("<BBBHB", mark, 0, 0, number, len(fields))
    for field, kind, letter, _ in fields:
        definition += struct.pack("BBB", field, struct.calcsize(letter), kind)
    if developer:
        definition += bytes([len(developer)])
        definition += b"".join(bytes(item[:3]) for item in developer)
    data = b"\0" + struct.pack("<" + "".join(f[2] for f in fields), *values)
    return definition + data + b"".join(item[3] for item in developer)


def record(stamp, *fields_and_values, developer=()):
    fields = [STAMP, *(field for field, _ in fields_and_values)]
    values = [stamp, *(value for _, value in fields_and_values)]
    values = [f[3] if v is None else v for f, v in zip(fields, values, strict=True)]
    return message(RECORD, fields, values, developer)


def described(index, number, base, name, unit, scale=255, offset=0x7F):
    """Messages that define a developer's field."""
    identity = message(207, [(3, 0x02, "B", 0xFF)], [index])
    text = [(3, 0x07, "16s", 0), (8, 0x07, "8s", 0)]
    fields = [(0, 0x02, "B", 0), (1, 0x02, "B", 0), (2, 0x02, "B", 0), *text]
    fields += [(6, 0x02, "B", 0xFF), (7, 0x01, "b", 0x7F)]
    values = [index, number, base, name.encode(), unit.encode(), scale, offset]
    return identity + message(206, fields, values)


def crc_of(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def fit_bytes(*messages):
    body = b"".join(messages)
    header = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT")
    header += struct.pack("<H", crc_of(header))
    return header + body + struct.pack("<H", crc_of(header + body))


# XDF
FILE_HEADER, STREAM_HEADER, SAMPLES, OFFSET = 1, 2, 3, 4
LETTERS = {"float32": "f", "double64": "d", "int16": "h"}


def chunk(tag, content):
    body = struct.pack("<H", tag) + content
    return struct.pack("<BI", 4, len(body)) + body


def header(stream, name, count, kind="double64", rate=0.0, channels=()):
    described = "".join(
        f"<channel><label>{label}</label><unit>{unit}</unit></channel>" for label, unit in channels
    )
    desc = f"<desc><channels>{described}</channels></desc>" if channels else "<desc/>"
    info = f"<info><name>{name}</name><type>x</type><channel_count>{count}</channel_count>"
    info += f"<nominal_srate>{rate}</nominal_srate><channel_format>{kind}</channel_format>{desc}"
    return chunk(STREAM_HEADER, struct.pack("<I", stream) + f"{info}</info>".encode())


def samples(stream, rows, kind="double64"):
    """Rows are (stamp or None, values)."""
    content = struct.pack("<IBI", stream, 4, len(rows))
    for stamp, values in rows:
        content += b"\0" if stamp is None else struct.pack("<Bd", 8, stamp)
        if kind == "string":
            content += b"".join(struct.pack("<BB", 1, len(v)) + v.encode() for v in values)
        else:
            content += struct.pack(f"<{len(values)}{LETTERS[kind]}", *values)
    return chunk(SAMPLES, content)


def offset(stream, at, value):
    return chunk(OFFSET, struct.pack("<Idd", stream, at, value))


def xdf_bytes(*chunks):
    version = b"<?xml version='1.0'?><info><version>1.0</version></info>"
    return b"XDF:" + chunk(FILE_HEADER, version) + b"".join(chunks)


def sensor_samples():
    """Format -> a small file of it; of TDMS, which its package writes, the beginning alone."""
    raw = ("flow", "l/s", (-32768, 32767), np.arange(60).reshape(30, 2))
    records = [record(1_000_000_000 + 7 * k, (HEART_RATE, 60 + k)) for k in range(30)]
    stream = samples(1, [(5 + 0.3 * k, [float(k)]) for k in range(30)])
    return {
        "EDF": edf_bytes([raw], [str(3 * k) for k in range(30)]),
        "FIT": fit_bytes(*records),
        "TDMS": b"TDSm" + bytes(24),
        "XDF": xdf_bytes(header(1, "a", 1), stream),
    }
