"""Text that XML can hold.

Source: XML 1.0, section 2.2 ("Characters").
"""

import re
from typing import Final

# XML 1.0 cannot hold these characters, not even as character references, and ElementTree writes them as they are.
# Names in invalid manifests can contain them.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """`text` with U+FFFD in place of each character that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
