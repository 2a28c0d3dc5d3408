"""The card networks' published test numbers, and the ways in which people write them."""

from __future__ import annotations

#: docs.stripe.com/testing, "Cards by brand"; no money is behind any of them.
PUBLISHED = (
    "4242424242424242",  # Visa
    "4000056655665556",  # Visa debit
    "5555555555554444",  # Mastercard
    "2223003122003222",  # Mastercard, the newer range
    "5200828282828210",  # Mastercard debit
    "5105105105105100",  # Mastercard prepaid
    "378282246310005",  # American Express
    "371449635398431",  # American Express
    "6011111111111117",  # Discover
    "6011000990139424",  # Discover
    "6011981111111113",  # Discover debit
    "3056930009020004",  # Diners Club
    "36227206271667",  # Diners Club, 14 digits
    "6555900000604105",  # BCcard and DinaCard
    "3566002020360505",  # JCB
    "6200000000000005",  # UnionPay
    "6200000000000047",  # UnionPay debit
    "6205500000000000004",  # UnionPay, 19 digits
)
#: Others that sandboxes know: PayPal, Adyen, Worldpay.
OTHERS = (
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "6759649826438453",
    "2201382000000013",
    "9792030394440796",
    "5019717010103742",
)
GAPS = {
    "spaces": " ",
    "dashes": "-",
    "dots": ".",
    "underscores": "_",
    "two spaces": "  ",
    "spaced dashes": " - ",
    "no-break spaces": "\u00a0",
    "narrow spaces": "\u202f",
    "figure spaces": "\u2007",
    "thin spaces": "\u2009",
    "ideographic spaces": "\u3000",
    "hyphens": "\u2010",
    "no-break hyphens": "\u2011",
    "figure dashes": "\u2012",
    "en dashes": "\u2013",
    "em dashes": "\u2014",
    "minus signs": "\u2212",
    "small dashes": "\ufe63",
    "wide dashes": "\uff0d",
    "wide dots": "\uff0e",
    "middle dots": "\u00b7",
    "bullets": "\u2022",
    "wide underscores": "\uff3f",
    "zero width spaces": "\u200b",
    "joiners": "\u200d",
    "soft hyphens": "\u00ad",
    "word joiners": "\u2060",
    "marks of direction": "\u200e",
}
#: The first digit of a script, or a function.
DIGITS = {
    "wide": 0xFF10,
    "Arabic": 0x0660,
    "Persian": 0x06F0,
    "Devanagari": 0x0966,
    "Thai": 0x0E50,
    "bold": 0x1D7CE,
    "double-struck": 0x1D7D8,
}
SMALL = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def grouped(number):
    sizes = {15: (4, 6, 5), 14: (4, 6, 4), 13: (4, 3, 3, 3)}.get(len(number))
    sizes = sizes or (4, 4, 4, len(number) - 12)
    at, found = 0, []
    for size in sizes:
        found.append(number[at : at + size])
        at += size
    return found


def spellings(number):
    """How it is called -> *number* as it is written so."""
    groups = grouped(number)
    found = {name: gap.join(groups) for name, gap in GAPS.items()}
    found["plain"] = number
    found["halves"] = f"{number[:8]} {number[8:]}"
    found["one by one"] = " ".join(number)
    found["dashed one by one"] = "-".join(number)
    found["hidden one by one"] = "\u200b".join(number)
    found["mixed"] = f"{groups[0]} {'-'.join(groups[1:])}"
    found["keycaps"] = "".join(f"{digit}\ufe0f\u20e3" for digit in number)
    found["superscript"] = "".join(SMALL[int(digit)] for digit in number)
    for name, zero in DIGITS.items():
        digits = "".join(chr(zero + int(digit)) for digit in number)
        found[name] = digits
        found[f"{name} with dashes"] = "\u2013".join(grouped(digits))
    return found


def in_yaml(number):
    """How it is called -> a value of YAML that is *number*, or a comment with it."""
    one, *rest = grouped(number)
    lines = f"\n    {' '.join(rest)}"
    escaped = "".join(f"\\u{ord(digit):04x}" for digit in number)
    half = "".join(f"\\x{ord(digit):02x}" for digit in number[:6]) + number[6:]
    point = f"{number[0]}.{number[1:].rstrip('0') or '0'}e{len(number) - 1}"
    found = {
        "plain": number,
        "single quotes": f"'{number}'",
        "double quotes": f'"{" ".join(grouped(number))}"',
        "folded": f">-\n    {one}{lines}",
        "literal": f"|\n    {one}{lines}",
        "digit by digit, folded": ">-\n" + "".join(f"    {d}\n" for d in number),
        "over two lines": f"{one}{lines}",
        "quoted over two lines": f'"{one}{lines}"',
        "joined by a backslash": f'"{one}\\\n    {"".join(rest)}"',
        "escaped": f'"{escaped}"',
        "half escaped": f'"{half}"',
        "hexadecimal": hex(int(number)),
        "octal": f"0o{int(number):o}",
        "a fraction of nothing": f"{number}.0",
        "a comment": f"x # {' '.join(grouped(number))}",
        "a comment over two lines": f"x # {one} {rest[0]}\n    # {' '.join(rest[1:])}",
        "a key": f'{{"{number}": x}}',
        "in a list": f"[a, [b, {number}]]",
        "in a sentence": f"the card is {' '.join(grouped(number))}, thanks",
        "with a tag": f"!!str {number}",
    }
    if float(number) == int(number):
        found["a power of ten"] = point
    return found
