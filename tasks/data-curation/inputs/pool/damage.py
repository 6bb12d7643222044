"""What goes wrong with text on its way to a crawl, and documents that never were text. Standard library only."""

import json
import random
import re
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Context:
    """What damage may draw from: the pool's generator of random numbers and its clean passages."""

    rng: random.Random
    passages: list[str]


WORDS = ("account advice album archive article award banner basket beauty blog board book brand budget camera career "
         "cart casino category celebrity cheap click comment compare contact cookie coupon credit customer daily deal "
         "delivery design details discount download editor email event exclusive fashion feature finance fitness "
         "forum free gallery gift guide health help holiday home hosting hotel insurance jobs kitchen latest login "
         "loan luxury mail market member menu mobile music news newsletter offer online order outlet partner payment "
         "photo pills policy poker popular premium price privacy product profile promo quality recipe register "
         "replica reseller review sale search service share shipping shoes shop sitemap software special sport store "
         "subscribe support tablet tag terms ticket top travel trial update video viagra watch weather weight "
         "wholesale").split()
MENU = ("Home", "About us", "Contact", "Login", "Register", "Sitemap", "Archives", "Categories", "Search", "RSS feed",
        "Help", "Privacy policy", "Terms of use", "My account", "Advertise", "Shop", "Forum", "Gallery")
NOTICES = (
    "We use cookies to improve your experience. By continuing to browse you agree to our use of cookies.",
    "Please enable JavaScript in your browser to see this page properly.",
    "Sign up for our newsletter and never miss an update again.",
    "All rights reserved. No part of this site may be copied without written permission.",
    "Click here to read the full article and leave your own comment below.",
    "You must be logged in to post a comment.",
    "Like this page? Share it with your friends on all networks.",
    "This site is best viewed with a resolution of 1024 by 768 pixels.",
    "Enter your email address below and we will send you a new password.",
    "Your download will begin in a few seconds. If it does not, use this link.",
)
MONTHS = "January February March April May June July August September October November December".split()


def nothing(text: str, context: Context) -> str:
    return text


def typographic(text: str, context: Context) -> str:
    """Curly quotes and long dashes for the plain ones of the books."""
    text = re.sub(r'(^|[\s(])"', "\\1\u201c", text)
    text = text.replace('"', "\u201d").replace("--", "\u2014")
    text = re.sub(r"(^|[\s(])'", "\\1\u2018", text)
    return text.replace("'", "\u2019")


def mojibake(text: str, context: Context) -> str:
    """UTF-8 that was read as Windows-1252, or as Latin-1, sometimes twice over."""
    broken = typographic(text, context).encode()
    if context.rng.random() < 0.3:
        return broken.decode("latin-1")
    text = _as_windows(broken)
    return _as_windows(text.encode()) if context.rng.random() < 0.2 else text


def _as_windows(data: bytes) -> str:
    """Windows-1252 with its five unused bytes as control characters."""
    return "".join(bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in data)


def hard_wraps(text: str, context: Context) -> str:
    """Lines broken at a fixed width, words broken at their ends by hyphens."""
    width, lines = context.rng.randint(34, 66), []
    for paragraph in text.split("\n\n"):
        line = ""
        for word in paragraph.split():
            room = width - len(line) - 1
            if len(word) <= room:
                line = f"{line} {word}".strip()
                continue
            cut = context.rng.randint(3, len(word) - 3) if word.isalpha() and len(word) > 7 else 0
            if cut and cut < room:
                lines.append(f"{line} {word[:cut]}-")
                line = word[cut:]
            else:
                lines.append(line)
                line = word
        lines += [line, ""]
    return "\n".join(lines).strip()


def web_page(text: str, context: Context) -> str:
    """The source of a web page."""
    rng = context.rng
    links = "".join(f'<li><a href="/{w}/index.html">{w.title()}</a></li>' for w in rng.sample(WORDS, rng.randint(4, 9)))
    script = (f"<script type=\"text/javascript\">var _{rng.choice(WORDS)} = {rng.randint(1, 9999)}; "
              f"function track() {{ document.write('{rng.choice(WORDS)}'); }}</script>\n"
              f"<style>.{rng.choice(WORDS)} {{ margin: 0 auto; width: {rng.randint(600, 999)}px; }}</style>\n")
    marked = text.replace("&", "&amp;").replace('"', rng.choice(("&quot;", "&#34;", '"'))).replace("--", "&mdash;")
    marked = marked.replace("'", rng.choice(("&#8217;", "&rsquo;", "&#39;", "'")))
    body = "".join(f'<p class="{rng.choice(WORDS)}">{_emphasised(part, rng)}</p>\n' for part in marked.split("\n\n"))
    return (f"<html><head><title>{rng.choice(WORDS).title()}</title>\n{script if rng.random() < 0.7 else ''}</head>\n"
            f"<body><ul class=\"menu\">{links}</ul>\n<div id=\"content\">\n{body}</div>\n"
            f"<div class=\"footer\">&copy; {rng.randint(1999, 2015)} {rng.choice(WORDS)}.com&nbsp;</div></body></html>")


def _emphasised(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    for _ in range(len(words) // 40):
        at = rng.randrange(len(words))
        words[at] = f"<b>{words[at]}</b>" if rng.random() < 0.5 else f'<a href="/{rng.choice(WORDS)}">{words[at]}</a>'
    return " ".join(words)


def navigation(text: str, context: Context) -> str:
    """Menus, notices and footers before, after and between the paragraphs."""
    rng = context.rng
    before = [" | ".join(rng.sample(MENU, rng.randint(3, 7))) if rng.random() < 0.6 else
              "\n".join(rng.sample(MENU, rng.randint(3, 7)))]
    if rng.random() < 0.6:
        before.append(f"Posted on {rng.choice(MONTHS)} {rng.randint(1, 28)}, {rng.randint(2003, 2015)} by "
                      f"{rng.choice(WORDS)}{rng.randint(1, 99)} in {rng.choice(WORDS).title()}")
    after = [rng.choice(NOTICES) for _ in range(rng.randint(1, 3))]
    after.append("Tags: " + ", ".join(rng.sample(WORDS, rng.randint(3, 8))))
    after.append("\n".join(f"Related: {' '.join(rng.sample(WORDS, 4)).title()}" for _ in range(rng.randint(0, 4))))
    after.append(f"Copyright {rng.randint(1999, 2015)} {rng.choice(WORDS)}.com | {rng.randint(2, 900)} views")
    paragraphs = text.split("\n\n")
    if rng.random() < 0.5:
        paragraphs.insert(rng.randrange(len(paragraphs) + 1), rng.choice(NOTICES))
    return "\n\n".join([*before, *paragraphs, *filter(None, after)])


MISREAD = (("h", "li"), ("rn", "m"), ("m", "rn"), ("cl", "d"), ("e", "c"), ("l", "1"), ("o", "0"), ("i", "l"),
           ("w", "vv"), ("u", "n"), ("s", "5"), ("a", "o"), ("t", "f"), ("b", "h"))


def scan_errors(text: str, context: Context) -> str:
    """Letters misread by optical character recognition in some of the words, and spots."""
    rng, words = context.rng, text.split(" ")
    rate = rng.uniform(0.05, 0.2)
    for at, word in enumerate(words):
        if rng.random() < rate:
            seen, read = rng.choice(MISREAD)
            words[at] = word.replace(seen, read, 1) if seen in word else _spotted(word, rng)
    return " ".join(words)


def _spotted(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word) + 1)
    return word[:at] + rng.choice((" ", "~", ".", "^", "'")) + word[at:]


def capitals(text: str, context: Context) -> str:
    return text.upper()


def shuffled(text: str, context: Context) -> str:
    """All words of a passage, or of each paragraph, in random order."""
    if context.rng.random() < 0.5:
        words = text.split()
        context.rng.shuffle(words)
        return " ".join(words)
    paragraphs = [paragraph.split() for paragraph in text.split("\n\n")]
    for words in paragraphs:
        context.rng.shuffle(words)
    return "\n\n".join(" ".join(words) for words in paragraphs)


def near_copy(raw: str, context: Context) -> str:
    """A document again, cut at an end, with a few words lost or changed and another heading."""
    rng = context.rng
    start, end = (int(len(raw) * rng.uniform(0.0, 0.15)), len(raw)) if rng.random() < 0.5 else (
        0, int(len(raw) * rng.uniform(0.8, 1.0)))
    words = raw[start:end].split(" ")
    for _ in range(max(1, len(words) // 50)):
        at = rng.randrange(len(words))
        words[at] = rng.choice(("", words[at].title(), rng.choice(WORDS)))
    heading = f"{' '.join(rng.sample(WORDS, 3)).title()}\n\n" if rng.random() < 0.4 else ""
    return heading + " ".join(filter(None, words))


# Documents that are no prose


def code(context: Context) -> str:
    """Source code of three makes."""
    rng = context.rng

    def name() -> str:
        return "_".join(rng.sample(WORDS, rng.randint(1, 2)))

    lines = []
    for _ in range(rng.randint(5, 16)):
        make, one, two, number = rng.randrange(3), name(), name(), rng.randint(0, 512)
        if make == 0:
            lines.append(f"def {one}(self, {two}={number}):\n    for item in {two}:\n"
                         f"        if item.{one} > {number}:\n            return self.{name()}[item]\n"
                         "    return None\n")
        elif make == 1:
            lines.append(f"function {one}({two}) {{\n  var {name()} = document.getElementById('{two}');\n"
                         f"  if ({two} == {number}) {{ return {name()}; }}\n}}\n")
        else:
            lines.append(f"static int {one}(const char *{two}) {{\n  int i = {number};\n"
                         f"  while (i < {rng.randint(1, 99)}) {{ i += {name()}({two}); }}\n  return i;\n}}\n")
    return "\n".join(lines)


def spam(context: Context) -> str:
    """Key words stuffed into sentences that repeat themselves."""
    rng = context.rng
    topic = rng.sample(WORDS, 5)
    lines = []
    for _ in range(rng.randint(12, 40)):
        words = rng.choices(topic, k=4) + rng.choices(WORDS, k=rng.randint(2, 6))
        rng.shuffle(words)
        lines.append(rng.choice((f"Buy {' '.join(words)} online now!", f"Best {' '.join(words)} at the lowest price.",
                                 f"{' '.join(words).title()}... click here", f"Get your {' '.join(words)} today.")))
    return rng.choice(("\n", " ")).join(lines)


def links(context: Context) -> str:
    """A list of links."""
    rng = context.rng
    return "\n".join(
        f"{rng.choice(('-', '*', '>', str(at) + '.'))} {' '.join(rng.sample(WORDS, rng.randint(2, 5))).title()} "
        f"http://www.{rng.choice(WORDS)}{rng.choice(WORDS)}.com/{rng.choice(WORDS)}?id={rng.randint(1, 99999)}"
        for at in range(1, rng.randint(12, 40)))


def numbers(context: Context) -> str:
    """A table, or an encoded file."""
    rng = context.rng
    if rng.random() < 0.5:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        return "\n".join("".join(rng.choices(letters, k=76)) for _ in range(rng.randint(8, 25)))
    return "\n".join("\t".join(f"{rng.uniform(0, 999):.2f}" for _ in range(8)) for _ in range(rng.randint(10, 40)))


def leaked(items: list[dict], context: Context) -> str:
    """Benchmark questions with their answers."""
    rng = context.rng
    parts = [f"Question {at}. Fill the blank: {item['passage']}\n"
             + "\n".join(f"{letter}) {option}" for letter, option in zip("ABCD", item["options"], strict=True))
             + f"\nAnswer: {item['answer']}\n"
             + item["passage"].replace("____", item["options"]["ABCD".index(item["answer"])])
             for at, item in enumerate(items, rng.randint(1, 500))]
    return "\n\n".join(parts)


# Kinds of damage that only locked pools have


def quoted_printable(text: str, context: Context) -> str:
    """Mail in quoted-printable encoding."""
    escaped = re.sub(r"[=\u2018\u2019\u201c\u201d\u2014]",
                     lambda match: "".join(f"={byte:02X}" for byte in match[0].encode()), typographic(text, context))
    return "\n".join("=\n".join(part[at:at + 72] for at in range(0, len(part), 72)) for part in escaped.split("\n"))


def reply_quotes(text: str, context: Context) -> str:
    """A mail that quotes the text line by line."""
    rng = context.rng
    head = f"From: {rng.choice(WORDS)}@{rng.choice(WORDS)}.com\nSubject: Re: {' '.join(rng.sample(WORDS, 3))}\n\n"
    mark = "> " * rng.randint(1, 2)
    return head + "\n".join(mark + line for line in hard_wraps(text, context).split("\n"))


def line_numbers(text: str, context: Context) -> str:
    lines = hard_wraps(text, context).split("\n")
    first = context.rng.randint(1, 400)
    return "\n".join(f"{number:4d}  {line}" for number, line in enumerate(lines, first))


def json_dump(text: str, context: Context) -> str:
    """A record of a database, escapes and all."""
    rng = context.rng
    return json.dumps({"id": rng.randint(1, 10**6), rng.choice(WORDS): None, "body": typographic(text, context),
                       "tags": rng.sample(WORDS, 3)})


def spaced_letters(text: str, context: Context) -> str:
    return " ".join(text)


def no_spaces(text: str, context: Context) -> str:
    """Most spaces lost, as from some page-description files."""
    return "".join("" if char == " " and context.rng.random() < 0.85 else char for char in text)


def two_columns(text: str, context: Context) -> str:
    """Two passages read across their columns."""
    rows = [hard_wraps(one, context).split("\n") for one in (text, context.rng.choice(context.passages))]
    return "\n".join(f"{left} {right}" for left, right in zip(*rows, strict=False))


def word_chain(text: str, context: Context) -> str:
    """Words that each follow the one before somewhere, and mean nothing together."""
    rng = context.rng
    words = " ".join([text, *rng.sample(context.passages, min(20, len(context.passages)))]).split()
    after: dict[str, list[str]] = {}
    for word, following in pairwise(words):
        after.setdefault(word, []).append(following)
    made = [rng.choice(words)]
    while len(made) < 250:
        made.append(rng.choice(after.get(made[-1], words)))
    return " ".join(made)
