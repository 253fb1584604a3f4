"""Pin files inside apps: found where the platform looks, and refused where the archive is hostile or something else."""

from __future__ import annotations

import plistlib
import zipfile
from pathlib import Path

import pytest
from pindrill.pinfiles import Severity, read
from pindrill.pinfiles.lint import lint
from pindrill.pinfiles.source import MAX_DIRECTORY
from support.hostile import archive, refused
from support.pin_vectors import APK, AT, VECTORS


@pytest.mark.parametrize("name", ["ordinary", "utf16", "debuggable"])
def test_a_config_inside_an_apk(name: str) -> None:
    """Built by aapt2 and aapt: texts that are compiled to booleans and numbers mean what the platform reads."""
    file = read(APK / f"{name}.apk")
    assert file.path.endswith(f"{name}.apk!/res/xml/network_security_config.xml")
    assert {rule.domain: rule.subdomains for rule in file.rules} == {
        "example.com": "all",
        "example.org": "none",
        "example.net": "all",
    }
    assert file.rules == read(APK / "source" / "network_security_config.xml").rules
    severities = {finding.rule: finding.severity for finding in lint([file], AT)}
    assert severities["debug-overrides"] is (Severity.ERROR if name == "debuggable" else Severity.INFO)


def test_a_config_that_the_manifest_does_not_name() -> None:
    file = read(APK / "unused.apk")
    assert file.rules == ()
    assert "unused" in {finding.rule for finding in file.findings}


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_plist_inside_an_ipa(tmp_path: Path, form: plistlib.PlistFormat) -> None:
    values = plistlib.loads((VECTORS / "apple-ats" / "leaf.plist").read_bytes())
    path = archive(tmp_path / "app.ipa", {"Payload/App.app/Info.plist": plistlib.dumps(values, fmt=form)})
    assert read(path).rules == read(VECTORS / "apple-ats" / "leaf.plist").rules


def test_an_archive_of_something_else(tmp_path: Path) -> None:
    assert "neither an APK nor an IPA" in refused(archive(tmp_path / "x.zip", {"readme": b"words"}))


def test_an_apk_without_a_config(tmp_path: Path) -> None:
    with zipfile.ZipFile(APK / "ordinary.apk") as whole:
        manifest = whole.read("AndroidManifest.xml")
    assert "no Network Security Config" in refused(archive(tmp_path / "x.apk", {"AndroidManifest.xml": manifest}))


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.ipa", {"Payload/App.app/Info.plist": b" " * (200 << 20)})
    assert path.stat().st_size < 1 << 20
    assert "unpacks to more than 4 MiB" in refused(path)


def test_many_members_that_unpack_to_much(tmp_path: Path) -> None:
    with zipfile.ZipFile(APK / "ordinary.apk") as whole:
        manifest = whole.read("AndroidManifest.xml")
    many = {f"res/xml/{number}.xml": b" " * (3 << 20) for number in range(30)}
    assert "unpacks to more than" in refused(archive(tmp_path / "x.apk", {"AndroidManifest.xml": manifest, **many}))


def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "x.ipa"
    with zipfile.ZipFile(path, "w") as writer:
        writer.writestr("Payload/App.app/Info.plist", b"one")
        with pytest.warns(UserWarning, match="Duplicate name"):
            writer.writestr("Payload/App.app/Info.plist", b"two")
    assert "2 members of this name" in refused(path)


def test_a_path_that_leads_out_is_no_member(tmp_path: Path) -> None:
    plist = (VECTORS / "apple-ats" / "leaf.plist").read_bytes()
    path = archive(tmp_path / "x.ipa", {"Payload/../../App.app/Info.plist": plist, "Payload/a/b.app/Info.plist": plist})
    refused(path)
    assert [each.name for each in tmp_path.iterdir()] == ["x.ipa"]


@pytest.mark.parametrize("keep", [10, 100, -30, -4])
def test_a_cut_archive(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.apk"
    path.write_bytes((APK / "ordinary.apk").read_bytes()[:keep])
    refused(path)


def test_a_table_of_contents_of_any_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.apk"
    size = MAX_DIRECTORY + 1
    end = b"PK\x05\x06" + bytes(4) + b"\x01\x00\x01\x00" + size.to_bytes(4, "little") + bytes(4) + bytes(2)
    with path.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(size)
        file.seek(0, 2)
        file.write(end)
    assert "table of contents" in refused(path)


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.ipa", {"Payload/App.app/Info.plist": b"words"})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    assert "cannot be unpacked" in refused(path)
