"""Prints what stands in the event files of a folder as JSON. Shares no code with the writer, and checks every CRC."""

import json
import struct
import sys
from pathlib import Path


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            (value,) = struct.unpack("<d" if kind == 1 else "<f", data[at : at + size])
            at += size
        yield key >> 3, value


def read(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at : at + 8])
        body = data[at + 12 : at + 12 + size]
        # A sample is large, and this is slow in Python.
        assert size > 100_000 or struct.unpack_from("<I", data, at + 12 + size)[0] == masked(body)
        at += 16 + size
        yield dict(fields(body))


out = []
for number, file in enumerate(sorted(Path(sys.argv[1]).glob("events.out.tfevents.*"))):
    for place, message in enumerate(read(file)):
        if place == 0:
            assert message[3] == b"brain.Event:2"
            continue
        step = message.get(2, 0)
        if 7 in message:
            out.append({"step": step, "start": dict(fields(message[7])) == {1: 1}})
        for key, inner in fields(message.get(5, b"")):
            assert key == 1
            value = dict(fields(inner))
            line = {"step": step, "tag": value[1].decode()}
            if 2 in value:
                line["value"] = value[2]
            if 4 in value:
                image = dict(fields(value[4]))
                line["image"] = [image[2], image[1], len(image[4])]
            if 8 in value:
                line["text"] = dict(fields(value[8]))[8].decode()
            out.append(line)
print(json.dumps(out))
