"""Hooks for devices, ready made: Android by adb, the iOS simulator by xcrun on a Mac reached with ssh. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pindrill.model import UsageError


@dataclass(frozen=True, kw_only=True)
class HookTexts:
    """Lines of shell; placeholders as in `runner.app`."""

    setup: str = ""
    trigger: str = ""
    reset: str = ""
    logs: str = ""
    teardown: str = ""


def overridden(ready: HookTexts, given: HookTexts) -> HookTexts:
    """Ready-made hooks, with those that were given in their place."""
    return HookTexts(**{name: text or vars(ready)[name] for name, text in vars(given).items()})


# The store of an app's own namespace, since Android 14, is the one of the Conscrypt module.
_INTO_SYSTEM_STORE = """\
set -e
store=/system/etc/security/cacerts
module=/apex/com.android.conscrypt/cacerts
kept=/data/local/tmp/pindrill-cacerts
rm -rf $kept
mkdir -p $kept
if [ -d $module ]; then cp $module/* $kept/; else cp $store/* $kept/; fi
cp /data/local/tmp/pindrill-ca.pem $kept/$1.0
mount -t tmpfs tmpfs $store
cp $kept/* $store/
chown root:root $store/*
chmod 644 $store/*
chcon u:object_r:system_file:s0 $store/*
if [ -d $module ]; then
  for process in 1 $(pidof zygote zygote64); do
    nsenter --mount=/proc/$process/ns/mnt -- mount --bind $store $module
  done
fi
rm -rf $kept
"""


def android(package: str, *, store: str, seconds: float, serial: str = "") -> HookTexts:
    """The app goes through the device's proxy setting, over `adb reverse`; its log is evidence.

    `user`: the certificate is put on the device's storage, and a person installs it in its settings. `system`: into
    the system's store until the next start of the device; this needs root there.
    """
    if store not in ("user", "system"):
        raise UsageError(f"--android-store is user or system, not '{store}'")
    adb = f"adb -s {shlex.quote(serial)}" if serial else "adb"
    app = shlex.quote(package)
    reverse = f"{adb} reverse tcp:{{proxy_port}} tcp:{{proxy_port}}"
    route = f"{reverse} && {adb} shell settings put global http_proxy 127.0.0.1:{{proxy_port}}"
    if store == "user":
        place = f"{adb} push {{ca_file}} /sdcard/Download/pindrill-test-ca.crt"
    else:
        script = shlex.quote(_INTO_SYSTEM_STORE)
        number = "$(openssl x509 -noout -subject_hash_old -in {ca_file})"
        place = (
            f"{adb} root && {adb} wait-for-device && {adb} push {{ca_file}} /data/local/tmp/pindrill-ca.pem"
            f" && printf %s {script} | {adb} shell sh -s {number}"
        )
    return HookTexts(
        setup=f"{place} && {route}",
        trigger=(
            f"{adb} logcat -c && {adb} shell monkey -p {app} -c android.intent.category.LAUNCHER 1 && sleep {seconds:g}"
        ),
        reset=f"{adb} shell am force-stop {app}",
        logs=f"{adb} logcat -d -t 1000",
        teardown=(f"{adb} shell settings put global http_proxy :0 ; {adb} reverse --remove tcp:{{proxy_port}} ; true"),
    )


def ios_simulator(bundle: str, *, mac: str, service: str, seconds: float) -> HookTexts:
    """The booted simulator of a Mac: it uses the Mac's proxy, which a tunnel of ssh leads here."""
    if not mac:
        raise UsageError("--ios-simulator needs --mac: the Mac that runs it, as ssh knows it")
    ssh, app, network = f"ssh {shlex.quote(mac)}", shlex.quote(bundle), shlex.quote(service)

    def there(command: str) -> str:
        return f"{ssh} {shlex.quote(command)}"

    # shlex.quote leaves the placeholder's braces alone inside its quotes.
    tunnel = f"ssh -f -N -o ExitOnForwardFailure=yes -R {{proxy_port}}:127.0.0.1:{{proxy_port}} {shlex.quote(mac)}"
    certificate = there("cat > /tmp/pindrill-ca.pem && xcrun simctl keychain booted add-root-cert /tmp/pindrill-ca.pem")
    return HookTexts(
        setup=(
            f"{certificate} < {{ca_file}} && {tunnel}"
            f" && {there(f'networksetup -setsecurewebproxy {network} 127.0.0.1 {{proxy_port}}')}"
            f" && {there(f'networksetup -setwebproxy {network} 127.0.0.1 {{proxy_port}}')}"
        ),
        trigger=f"{there(f'xcrun simctl launch --terminate-running-process booted {app}')} && sleep {seconds:g}",
        reset=there(f"xcrun simctl terminate booted {app}") + " ; true",
        logs=there("xcrun simctl spawn booted log show --style compact --last 1m"),
        teardown=(
            f"{there(f'networksetup -setsecurewebproxystate {network} off')} ; "
            f"{there(f'networksetup -setwebproxystate {network} off')} ; "
            "pkill -f '[R] {proxy_port}:127.0.0.1:{proxy_port}' ; true"
        ),
    )
