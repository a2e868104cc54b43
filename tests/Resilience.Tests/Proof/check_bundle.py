#!/usr/bin/env python3
"""Checks an evidence bundle of a PresenceLedger, as docs/proof.md says, with nothing but Python's standard library.

    check_bundle.py BUNDLE.zip [--key KEY.pub]...

Exit code 0: everything holds. 1: something does not; each line says what. A key that is given must be one of those that sign; without one
the keys of the bundle are taken at their word.
"""

import base64
import hashlib
import json
import struct
import sys
import zipfile

# P-256 (FIPS 186-4, D.1.2.3).
P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# SubjectPublicKeyInfo of an uncompressed point of P-256, up to the point.
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")

problems = []


def problem(text):
    problems.append(text)


def sha256(data):
    return hashlib.sha256(data).digest()


def add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] + A) * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    total = None
    while k:
        if k & 1:
            total = add(total, point)
        point = add(point, point)
        k >>= 1
    return total


def der_integers(der):
    """SEQUENCE { INTEGER r, INTEGER s }, in DER."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise ValueError("no signature in DER")
    numbers, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        if der[at] != 0x02 or not 0 < length <= 33 or at + 2 + length > len(der):
            raise ValueError("no signature in DER")
        numbers.append(int.from_bytes(der[at + 2 : at + 2 + length], "big"))
        at += 2 + length
    if at != len(der):
        raise ValueError("no signature in DER")
    return numbers


def verifies(key, text, signature):
    try:
        r, s = der_integers(base64.b64decode(signature, validate=True))
    except (ValueError, IndexError):
        return False
    if not (0 < r < N and 0 < s < N):
        return False
    e = int.from_bytes(sha256(text.encode("utf-8")), "big")
    w = pow(s, -1, N)
    point = add(times(e * w % N, G), times(r * w % N, key))
    return point is not None and point[0] % N == r


def point_of(spki):
    if not spki.startswith(SPKI) or len(spki) != len(SPKI) + 64:
        raise ValueError("no public key of P-256")
    x = int.from_bytes(spki[len(SPKI) : len(SPKI) + 32], "big")
    y = int.from_bytes(spki[len(SPKI) + 32 :], "big")
    if not (x < P and y < P and (y * y - (x * x * x + A * x + B)) % P == 0):
        raise ValueError("a public key that is not on the curve")
    return x, y


def pem(text):
    lines = [line.strip() for line in text.strip().splitlines()]
    if lines[0] != "-----BEGIN PUBLIC KEY-----" or lines[-1] != "-----END PUBLIC KEY-----":
        raise ValueError("no public key in PEM")
    return base64.b64decode("".join(lines[1:-1]))


def key_id(spki):
    return sha256(spki).hex()[:16]


def canonical(event):
    """Eight texts, each with its length in four bytes before it."""
    texts = [
        event["stream"],
        str(event["version"]),
        event["eventId"],
        event["type"],
        event["data"],
        event["metadata"],
        event["occurredAt"],
        event["recordedAt"],
    ]
    out = b""
    for text in texts:
        utf8 = text.encode("utf-8")
        out += struct.pack(">I", len(utf8)) + utf8
    return out


def root_of(event_hash, index, count, path):
    node, path = sha256(b"\x00" + event_hash), list(path)
    if not 0 <= index < count:
        return None
    while count > 1:
        if index ^ 1 < count:
            if not path:
                return None
            sibling = path.pop(0)
            node = sha256(b"\x01" + (sibling + node if index & 1 else node + sibling))
        index, count = index // 2, (count + 1) // 2
    return node if not path else None


def seal_text(seal):
    names = ["number", "first", "count", "root", "fingerprints", "position", "lastEventId", "sealedAt", "previous"]
    return "presence-ledger seal v1\n" + "".join(f"{name}: {seal[name]}\n" for name in names)


def introduction_text(line):
    if line["type"] == "sealing-key-introduced":
        return (
            f"presence-ledger key v1\nintroduces: {line['keyId']}\npublicKey: {line['publicKey']}\n"
            f"introducedAt: {line['introducedAt']}\n"
        )
    return f"presence-ledger key v1\nretires: {line['keyId']}\nretiredAt: {line['retiredAt']}\n"


class Keys:
    """Whose signatures count, as the seals go on."""

    def __init__(self, given):
        self.known, self.trusted, self.given = {}, set(), bool(given)
        for spki in given:
            self.known[key_id(spki)] = point_of(spki)
            self.trusted.add(key_id(spki))
        self.introduced = 0

    def check(self, what, text, signatures):
        """Whether a key that is trusted has signed; None where a signature is wrong."""
        trusted = False
        if not signatures:
            problem(f"{what} has no signature")
            return None
        for signature in signatures:
            key = self.known.get(signature["keyId"])
            if key is None or not verifies(key, text, signature["signature"]):
                problem(f"{what}: the signature of key {signature['keyId']} is wrong")
                return None
            trusted |= signature["keyId"] in self.trusted
        return trusted

    def apply(self, line):
        text = introduction_text(line)
        if line["type"] == "sealing-key-introduced":
            spki = base64.b64decode(line["publicKey"])
            if key_id(spki) != line["keyId"]:
                problem(f"key {line['keyId']} is another one")
                return
            first = self.introduced == 0
            self.introduced += 1
            self.known.setdefault(line["keyId"], point_of(spki))
            verdict = self.check(f"the introduction of key {line['keyId']}", text, line["signatures"])
            if verdict is not None and (verdict or (first and not self.given)):
                self.trusted.add(line["keyId"])
        else:
            others = [s for s in line["signatures"] if s["keyId"] != line["keyId"]]
            if self.check(f"the retirement of key {line['keyId']}", text, others):
                self.trusted.discard(line["keyId"])


def check(bundle, given):
    files = {name: bundle.read(name) for name in bundle.namelist()}
    manifest = json.loads(files["manifest.json"])
    if manifest["format"] != "presence-ledger evidence v2":
        problem(f"the format is {manifest['format']}")
    for name, expected in manifest["files"].items():
        if name not in files:
            problem(f"the file {name} is gone")
        elif sha256(files[name]).hex() != expected:
            problem(f"the file {name} is not the one of the manifest")
    for name in files:
        if name != "manifest.json" and name not in manifest["files"]:
            problem(f"the file {name} is not in the manifest")

    def lines(name):
        # Lines end in LF alone: other separators may stand within a text.
        return [json.loads(line) for line in files[name].decode("utf-8").split("\n") if line]

    events, before = {}, None
    for event in lines("events.ndjson"):
        name = f"{event['stream']}@{event['version']}"
        if event["stream"] != "agent-" + manifest["agentId"]:
            problem(f"{name} is of somebody else")
        if before and event["version"] != before["version"] + 1:
            problem(f"{name} comes after version {before['version']}")
        elif before and event["previousHash"] != before["hash"]:
            problem(f"{name} does not follow from the event before it")
        if event["version"] == 0 and event["previousHash"] != "0" * 64:
            problem(f"{name} has something before it")
        if sha256(bytes.fromhex(event["previousHash"]) + canonical(event)).hex() != event["hash"]:
            problem(f"{name} is not what its hash was made of")
        events[event["version"]] = before = event
    if len(events) != manifest["events"]:
        problem(f"there are {len(events)} events, and there were {manifest['events']}")

    keys, seals, last, unvouched = Keys(given), {}, None, None
    introductions = lines("introductions.ndjson")
    for name, content in files.items():
        if name.startswith("keys/") and key_id(pem(content.decode("ascii"))) + ".pub" != name[len("keys/") :]:
            problem(f"{name} is another key")
    for seal in lines("seals.ndjson"):
        while introductions and introductions[0]["beforeSeal"] <= seal["number"]:
            keys.apply(introductions.pop(0))
        text = seal_text(seal)
        if last and seal["number"] > last["number"] + 1:
            # The seals between were not needed; nothing that comes after the last one here holds it.
            if unvouched:
                problem(f"from seal {unvouched['number']} on no key that is trusted has signed")
            unvouched = None
        elif last:
            if seal["number"] != last["number"] + 1 or seal["first"] != last["first"] + last["count"]:
                problem(f"seal {seal['number']} does not come after seal {last['number']}")
            if seal["previous"] != sha256(seal_text(last).encode("utf-8")).hex():
                problem(f"seal {seal['number']} does not follow from the seal before it")
        if not keys.check(f"seal {seal['number']}", text, seal["signatures"]):
            unvouched = unvouched or seal
        else:
            unvouched = None
        seals[seal["number"]] = last = seal
    for line in introductions:
        keys.apply(line)
    if unvouched:
        problem(f"from seal {unvouched['number']} on no key that is trusted has signed")

    proofs = {proof["version"]: proof for proof in json.loads(files["proofs.json"])}
    unsealed = 0
    for version, event in events.items():
        proof = proofs.get(version)
        if proof is None:
            problem(f"version {version} has no proof")
        elif proof["seal"] is None:
            unsealed += 1
        elif proof["seal"] not in seals:
            problem(f"seal {proof['seal']}, which covers version {version}, is gone")
        else:
            seal = seals[proof["seal"]]
            path = [bytes.fromhex(h) for h in proof["path"]]
            root = root_of(bytes.fromhex(event["hash"]), proof["index"], seal["count"], path)
            if root is None or root.hex() != seal["root"]:
                problem(f"version {version} is not what seal {proof['seal']} covers")
    for version in proofs:
        if version not in events:
            problem(f"version {version} is gone")
    return f"{len(events)} events, {unsealed} not sealed, {len(seals)} seals, keys {' '.join(sorted(keys.trusted))}"


def main(arguments):
    file, given = arguments[0], []
    for at in range(1, len(arguments), 2):
        if arguments[at] != "--key":
            raise SystemExit(__doc__)
        with open(arguments[at + 1], encoding="ascii") as key:
            given.append(pem(key.read()))
    with zipfile.ZipFile(file) as bundle:
        summary = check(bundle, given)
    for text in problems:
        print(text)
    print(summary)
    print("the bundle does not hold" if problems else "the bundle holds")
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sys.exit(main(sys.argv[1:]))
