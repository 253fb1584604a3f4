"""Every format of pin files. What else knows one by its name is its page and its vectors."""

from __future__ import annotations

from collections.abc import Mapping

from pindrill.pinfiles.formats.android_nsc import NSC
from pindrill.pinfiles.formats.apple_ats import ATS
from pindrill.pinfiles.formats.dane import DANE
from pindrill.pinfiles.formats.envoy import ENVOY
from pindrill.pinfiles.formats.flutter import FLUTTER
from pindrill.pinfiles.formats.hpkp import HPKP
from pindrill.pinfiles.formats.keyring import KEYRING
from pindrill.pinfiles.formats.okhttp import OKHTTP
from pindrill.pinfiles.formats.options import CURL, GIT, WGET
from pindrill.pinfiles.formats.react_native import REACT_NATIVE
from pindrill.pinfiles.formats.trustkit_android import TRUSTKIT_ANDROID
from pindrill.pinfiles.formats.trustkit_ios import TRUSTKIT_IOS
from pindrill.pinfiles.pin_file import PinFormat
from pindrill.pinfiles.rules import SHARED_RULES, Rule

FORMATS: tuple[PinFormat, ...] = (
    NSC,
    TRUSTKIT_ANDROID,
    TRUSTKIT_IOS,
    ATS,
    OKHTTP,
    FLUTTER,
    REACT_NATIVE,
    CURL,
    WGET,
    GIT,
    HPKP,
    ENVOY,
    DANE,
    KEYRING,
)
"""In the order in which a file is asked for them: of those in texts the first that is found is the one."""
FORMAT: Mapping[str, PinFormat] = {form.name: form for form in FORMATS}
WRITTEN: tuple[PinFormat, ...] = tuple(form for form in FORMATS if form.writer)
RULES: Mapping[str, Rule] = {**SHARED_RULES, **{rule.id: rule for form in FORMATS for rule in form.rules}}
"""Every lint rule by its id."""
