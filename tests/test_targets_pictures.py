"""Pictures come from the open internet only; whatever else an address leads to is refused, and in time.

The addresses that are judged are real ones. Those that are fetched from are on loopback, which each test has
to allow.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from receiver import Receiver, Reply, Request, receiving

from feedbot.targets.http_watch import Cut, Watch
from feedbot.targets.pictures import Picture, PictureMissing, PictureRefused, fetch_picture, is_public
from feedbot.targets.pictures_image import MAX_BYTES

SHORT = 0.3  # seconds: a deadline that a test waits for
LONG = 60.0  # ... and one that it does not
HERE = IPv4Address("127.0.0.1")
MIB = 1 << 20
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

Address = IPv4Address | IPv6Address


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *map(str.lower, VARIABLES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(strict=True) as receiver:
        yield receiver


def leads_to(*addresses: str | Address) -> Callable[[str], list[Address]]:
    """A resolver that has but one answer."""
    return lambda _: [ip_address(address) for address in addresses]


def listed(text: str) -> list[str]:
    """The words of a table."""
    return text.split()


def only_here(address: Address) -> bool:
    return address == HERE


def fetch(url: str, **options: Any) -> Picture:
    return fetch_picture(url, **{"timeout": LONG, "allowed": only_here, **options})


@cache
def drawn(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """A picture with something to see in it, as a file."""
    noise = Image.effect_noise(size, 80).convert("RGB").convert(mode)
    out = BytesIO()
    noise.save(out, kind)
    return out.getvalue()


def served(data: bytes, kind: str = "image/png") -> Reply:
    return Reply(headers={"Content-Type": kind}, body=data)


KINDS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}


# --- pictures as they should be ---


@pytest.mark.parametrize(("media_type", "kind"), KINDS.items())
def test_a_picture_arrives_byte_for_byte(receiver: Receiver, media_type: str, kind: str) -> None:
    receiver.replies.append(served(drawn(kind), media_type))
    assert fetch(receiver.url + "/p") == Picture(drawn(kind), media_type, 64, 48)


@pytest.mark.parametrize("said", ["image/jpeg", "image/x-anything", "application/octet-stream", None])
def test_what_a_picture_is_shows_in_its_bytes(receiver: Receiver, said: str | None) -> None:
    receiver.replies.append(Reply(headers={"Content-Type": said} if said else {}, body=drawn("PNG")))
    assert fetch(receiver.url).media_type == "image/png"


def test_the_request_carries_nothing_but_what_a_picture_needs(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    receiver.replies.append(Reply(302, {"Location": "/next", "Set-Cookie": "a=b; Path=/"}))
    receiver.replies.append(served(drawn("PNG")))
    fetch(receiver.url + "/p?size=1", types=["image/png"])
    for request, path in zip(receiver.requests, ["/p?size=1", "/next"], strict=True):
        assert (request.method, request.path) == ("GET", path)
        assert {name: value for name, value in request.headers.items() if name != "User-Agent"} == {
            "Host": urlsplit(receiver.url).netloc,
            "Accept": "image/png, image/*;q=0.5",
            "Accept-Encoding": "identity",
        }


def test_letters_outside_of_ascii_are_percent_encoded_and_fragments_stay_here(receiver: Receiver) -> None:
    receiver.replies.append(served(drawn("PNG")))
    fetch(receiver.url + "/Bären auf Eis.png?größe=%20 groß#teil")
    assert receiver.requests[0].path == "/B%C3%A4ren%20auf%20Eis.png?gr%C3%B6%C3%9Fe=%20%20gro%C3%9F"


def test_an_animation_arrives_whole(receiver: Receiver) -> None:
    frames = [Image.new("P", (8, 8), colour) for colour in range(3)]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    receiver.replies.append(served(out.getvalue(), "image/gif"))
    assert fetch(receiver.url) == Picture(out.getvalue(), "image/gif", 8, 8)


# --- what is no picture ---

HTML = b"<!doctype html><title>Sign in</title><img src='a.png'>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'><script>alert(1)</script></svg>"


@pytest.mark.parametrize(
    "said",
    ["text/html", "text/html; charset=utf-8", "TEXT/HTML", "image/svg+xml", "application/json", "video/mp4"],
)
def test_what_its_server_calls_no_picture_is_refused(receiver: Receiver, said: str) -> None:
    receiver.replies.append(served(drawn("PNG"), said))
    with pytest.raises(PictureRefused, match="no picture"):
        fetch(receiver.url + "/a.png")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        HTML,
        SVG,
        b"\n\n" + SVG,
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\0\0\0\0WEBP",
    ],
)
def test_what_only_is_called_a_picture_is_refused(receiver: Receiver, data: bytes) -> None:
    receiver.replies.append(served(data))
    with pytest.raises(PictureRefused):
        fetch(receiver.url + "/a.png")


# --- what is too much ---


def test_a_body_that_says_it_is_too_large_is_not_read(receiver: Receiver) -> None:
    hold = threading.Event()  # never set: the body does not come
    length = str(MAX_BYTES + 1)
    with streaming(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode(), hold.wait) as url:
        with pytest.raises(PictureRefused, match="larger than 16 MiB"):
            fetch(url)
        hold.set()


@pytest.mark.parametrize("head", ["Connection: close\r\n", f"Content-Length: {MAX_BYTES}\r\n"])
def test_a_body_without_end_is_refused_at_the_limit(head: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n{head}\r\n"
    with streaming(head.encode(), None) as url, pytest.raises(PictureRefused):
        fetch(url)


def test_a_chunked_body_without_end_is_refused_at_the_limit() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with streaming(head, None, piece) as url, pytest.raises(PictureRefused, match="larger than 16 MiB"):
        fetch(url)


@contextmanager
def streaming(head: bytes, then: Callable[[], object] | None, piece: bytes = bytes(1 << 16)) -> Iterator[str]:
    """A server that answers with `head`, and then waits for `then`, or sends `piece` until nobody listens."""

    def serve() -> None:
        line, _ = listener.accept()
        with line, suppress(OSError):
            line.settimeout(LONG)
            line.recv(1 << 16)
            line.sendall(head)
            if then is not None:
                then()
                return
            while True:
                line.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def test_a_body_that_is_packed_unasked_is_refused(receiver: Receiver) -> None:
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    receiver.replies.append(Reply(headers=headers, body=drawn("PNG")))
    with pytest.raises(PictureRefused, match="packs"):
        fetch(receiver.url)


# --- what the target takes ---


def test_a_picture_becomes_what_the_target_takes(receiver: Receiver) -> None:
    receiver.otherwise = served(drawn("JPEG", (80, 60)), "image/jpeg")
    picture = fetch(receiver.url, max_pixels=1200)
    assert (picture.width, picture.height) == (40, 30)
    assert len(fetch(receiver.url, max_bytes=2000).data) <= 2000


def test_a_kind_that_the_target_does_not_take_is_written_in_one_that_it_takes(receiver: Receiver) -> None:
    receiver.replies.append(served(drawn("WEBP"), "image/webp"))
    picture = fetch(receiver.url, types=["image/jpeg", "image/png"])
    assert (picture.media_type, picture.data[:2], picture.width) == ("image/jpeg", b"\xff\xd8", 64)


def test_a_target_that_takes_no_kind_we_know_gets_no_picture(receiver: Receiver) -> None:
    with pytest.raises(PictureRefused, match="no kind"):
        fetch(receiver.url, types=["image/heic"])
    assert receiver.requests == []


# --- addresses ---

CLOSED = listed("""
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1
    127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255
    198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1
    64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1
    2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
    2002:7f00:1:: 2002:a9fe:a9fe:: 2002:808:808:: 2a00:1450::5efe:a00:1 2a00:1450::200:5efe:a00:1
    3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::a9fe:a9fe fec0::1 ff02::1 ff0e::1
""")

OPEN = listed("""
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1
    169.253.255.255 169.255.0.1 172.15.255.255 172.32.0.1 192.167.255.255 192.169.0.1 198.17.255.255
    198.20.0.1 223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2001:4860:4860::8888 2606:4700:4700::1111
    2a00:1450:4001::200e
""")


@pytest.mark.parametrize("address", CLOSED)
def test_an_address_that_not_everybody_reaches_is_closed(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", OPEN)
def test_an_address_of_the_open_internet_is_open(address: str) -> None:
    assert is_public(ip_address(address))


NAT64 = IPv6Network("64:ff9b::/96")  # holds an IPv4 address, which is judged above


@given(st.ip_addresses())
def test_nothing_that_python_knows_to_be_closed_is_open(address: Address) -> None:
    inner = getattr(address, "ipv4_mapped", None) or address
    if is_public(address) and address not in NAT64:
        assert inner.is_global
        assert not any([inner.is_multicast, inner.is_reserved, inner.is_loopback, inner.is_link_local])


# Every way to write a host of this machine that something between here and the kernel may understand.
SPELLINGS = listed("""
    127.0.0.1 127.1 127.0.1 127.9.9.9 0 0.0.0.0 2130706433 0x7f000001 0x7F.0.0.1 0x7f.1 0177.0.0.1 0177.1
    017700000001 00000177.0.0.1 localhost LOCALHOST [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1]
    [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::] [fe80::1%25lo]
    [fe80::1%lo] 127。0。0。1 １２７.0.0.1 ①②⑦.0.0.1 ⓛocalhost
    127.0.0.1%00.example.com 127.0.0.1%2e
""")


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_this_machine_is_connected_to(receiver: Receiver, host: str) -> None:
    port = urlsplit(receiver.url).port
    with pytest.raises((PictureRefused, PictureMissing)):
        fetch_picture(f"http://{host}:{port}/a.png", timeout=LONG)
    assert receiver.connections == 0


@pytest.mark.parametrize("host", ["localhost.", "127.0.0.1.", "loop.example", "münchen.example", "_a.b-c"])
@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "fe80::1%1", "::ffff:127.0.0.1", "fd00::1"])
def test_whatever_its_name_a_host_is_judged_by_its_address(host: str, address: str) -> None:
    with pytest.raises(PictureRefused, match="private network, or on this machine"):
        fetch_picture(f"http://{host}/", timeout=LONG, resolve=leads_to(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
def test_a_private_address_is_refused_once_and_for_all(host: str) -> None:
    with pytest.raises(PictureRefused, match="private network, or on this machine"):
        fetch_picture(f"http://{host}/a.png", timeout=LONG)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.png",
        "//127.0.0.1/a.png",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "gopher://127.0.0.1/_GET",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http:///a.png",
        "http://",
        "http:127.0.0.1",
        "http://user@127.0.0.1/",
        "http://user:word@127.0.0.1/",
        "http://@127.0.0.1/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com\\.127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:port/",
        "http://[::1/",
        "http://[127.0.0.1]x/",
        "http://exa mple.com/",
        "http://exam\0ple.com/",
        "http://-example.com/",
        "http://..../",
        "http://a.example/\ud800.png",
        "http://example.com\uff0f@127.0.0.1/",
    ],
)
def test_what_is_no_web_address_is_refused_without_a_look_up(url: str) -> None:
    def unasked(host: str) -> list[Address]:
        raise AssertionError(host)

    with pytest.raises(PictureRefused, match="its address"):
        fetch(url, resolve=unasked)


# --- names ---


def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """Nobody else could find this name, so nobody else looked it up."""
    receiver.replies.append(served(drawn("PNG")))
    port = urlsplit(receiver.url).port
    picture = fetch(f"http://pictures.invalid:{port}/a.png", resolve=leads_to(HERE))
    assert picture.width == 64
    assert receiver.requests[0].headers["Host"] == f"pictures.invalid:{port}"


def test_a_name_that_means_another_address_each_time_is_looked_up_once(receiver: Receiver) -> None:
    answers = iter([[HERE], [ip_address("127.0.0.2")]])
    receiver.replies.append(served(drawn("PNG")))
    fetch(f"http://rebind.invalid:{urlsplit(receiver.url).port}/", resolve=lambda _: next(answers))
    assert len(list(answers)) == 1


def test_a_name_that_moves_into_a_private_network_is_refused_on_its_redirect(receiver: Receiver) -> None:
    answers = iter([[HERE], [ip_address("127.0.0.2")]])
    receiver.replies.append(Reply(302, {"Location": "/again"}))
    with pytest.raises(PictureRefused, match="private"):
        fetch(f"http://rebind.invalid:{urlsplit(receiver.url).port}/", resolve=lambda _: next(answers))
    assert len(receiver.requests) == 1


def test_of_several_addresses_only_those_that_are_allowed_are_tried(receiver: Receiver) -> None:
    receiver.replies.append(served(drawn("PNG")))
    many = [ip_address(address) for address in ("::1", "127.0.0.2", "169.254.169.254", "127.0.0.1")]
    url = f"http://many.invalid:{urlsplit(receiver.url).port}/"
    assert fetch(url, resolve=leads_to(*many)).width == 64
    with pytest.raises(PictureRefused):
        fetch(url, resolve=leads_to(*many[:3]))
    assert receiver.connections == 1


def test_the_next_address_is_tried_where_nothing_listens_at_the_first(receiver: Receiver) -> None:
    receiver.replies.append(served(drawn("PNG")))
    two = [ip_address("127.0.0.3"), HERE]
    url = f"http://two.invalid:{urlsplit(receiver.url).port}/"
    assert fetch(url, allowed=two.__contains__, resolve=leads_to(*two)).width == 64


def test_a_host_without_address_may_have_one_later() -> None:
    with pytest.raises(PictureMissing, match="no address"):
        fetch(f"http://{'a' * 64}.example/a.png")


# --- redirects ---


def test_three_redirects_are_followed_and_no_fourth(receiver: Receiver) -> None:
    steps = [Reply(status, {"Location": f"/{status}"}) for status in (301, 302, 307)]
    receiver.replies.extend([*steps, served(drawn("PNG"))])
    assert fetch(receiver.url).width == 64
    assert [request.path for request in receiver.requests] == ["/", "/301", "/302", "/307"]
    receiver.replies.extend([*steps, Reply(308, {"Location": "/308"})])
    with pytest.raises(PictureRefused, match="more than 3 times"):
        fetch(receiver.url)
    assert len(receiver.requests) == 8


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/",
        "http://0x7f.2:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.2]:{port}/",
        "http://2130706434:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "http://user:word@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@127.0.0.2/",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/",
        "gopher://127.0.0.1:{port}/",
        "data:image/png;base64,AAAA",
        "http://[",
    ],
)
def test_a_redirect_leads_nowhere_that_an_article_could_not(receiver: Receiver, location: str) -> None:
    port = urlsplit(receiver.url).port
    receiver.replies.append(Reply(302, {"Location": location.format(port=port)}))
    with pytest.raises((PictureRefused, PictureMissing)):
        fetch(receiver.url)
    assert len(receiver.requests) == 1


def test_a_redirect_may_be_written_in_any_letters(receiver: Receiver) -> None:
    receiver.replies.append(Reply(302, {"Location": "/Bären auf Eis.png".encode().decode("latin-1")}))
    receiver.replies.append(served(drawn("PNG")))
    fetch(receiver.url)
    assert receiver.requests[1].path == "/B%C3%A4ren%20auf%20Eis.png"


@pytest.mark.parametrize("status", [204, 206, 300, 302, 304, 401, 403, 404, 410, 429, 500, 503])
def test_any_answer_but_a_picture_may_become_one_later(receiver: Receiver, status: int) -> None:
    receiver.replies.append(Reply(status, {"Content-Type": "text/html"}, b"" if status == 204 else HTML))
    with pytest.raises(PictureMissing, match=f"status {status}"):
        fetch(receiver.url)


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for pictures.invalid, and the context of a server that shows it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl absent")
    path = tmp_path_factory.mktemp("certificate") / "certificate"
    key = path.with_suffix(".key")
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout {key} -out {path}"
    name = ["-addext", "subjectAltName=DNS:pictures.invalid"]
    subprocess.run([*command.split(), *name], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return path, context


@pytest.fixture
def secure(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Receiver, list[str | None]]]:
    """A trusted receiver with TLS, and the names that clients asked it for."""
    path, context = certificate
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    with receiving(strict=True, tls=context) as receiver:
        yield receiver, names


def test_the_certificate_is_that_of_the_host_not_of_its_address(
    secure: tuple[Receiver, list[str | None]],
) -> None:
    receiver, names = secure
    port = urlsplit(receiver.url).port
    receiver.replies.append(served(drawn("PNG")))
    assert fetch(f"https://pictures.invalid:{port}/", resolve=leads_to(HERE)).width == 64
    assert names == ["pictures.invalid"]
    for host in ("elsewhere.invalid", "127.0.0.1"):
        with pytest.raises(PictureMissing, match="certificate"):
            fetch(f"https://{host}:{port}/", resolve=leads_to(HERE))
    assert len(receiver.requests) == 1


def test_a_certificate_that_nobody_trusts_is_not_trusted(
    secure: tuple[Receiver, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    port = urlsplit(secure[0].url).port
    with pytest.raises(PictureMissing, match="certificate"):
        fetch(f"https://pictures.invalid:{port}/", resolve=leads_to(HERE))


@pytest.mark.parametrize("start", ["", " ", "\t\n"])
def test_a_redirect_does_not_lead_out_of_tls(
    secure: tuple[Receiver, list[str | None]], receiver: Receiver, start: str
) -> None:
    port = urlsplit(secure[0].url).port
    secure[0].replies.append(Reply(302, {"Location": receiver.url}))
    with pytest.raises(PictureRefused, match="from https to http"):
        fetch(f"{start}HTTPS://pictures.invalid:{port}/", resolve=leads_to(HERE))
    assert receiver.connections == 0


def test_a_redirect_may_lead_into_tls(secure: tuple[Receiver, list[str | None]], receiver: Receiver) -> None:
    port = urlsplit(secure[0].url).port
    receiver.replies.append(Reply(301, {"Location": f"https://pictures.invalid:{port}/"}))
    secure[0].replies.append(served(drawn("PNG")))
    assert fetch(receiver.url, resolve=leads_to(HERE)).width == 64


# --- proxies ---


def test_a_proxy_is_asked_for_what_has_an_open_address_only(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.url)
    receiver.replies.append(served(drawn("PNG")))
    fetch_picture("http://pictures.invalid/a", timeout=LONG, resolve=leads_to("8.8.8.8"))
    assert receiver.requests[0].path == "http://pictures.invalid/a"
    assert receiver.requests[0].headers["Host"] == "pictures.invalid"
    with pytest.raises(PictureRefused, match="private"):
        fetch_picture("http://pictures.invalid/a", timeout=LONG, resolve=leads_to(HERE))
    assert len(receiver.requests) == 1


def test_through_a_proxy_https_is_a_tunnel_to_the_host_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        proxy.replies.append(Reply(403))
        with pytest.raises(PictureMissing):
            fetch_picture("https://pictures.invalid/", timeout=LONG, resolve=leads_to("8.8.8.8"))
        assert [request.path for request in proxy.requests] == ["pictures.invalid:443"]


def test_a_host_that_needs_no_proxy_is_connected_to_directly(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    receiver.replies.append(served(drawn("PNG")))
    assert fetch(receiver.url).width == 64


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://127.0.0.1:1", "nonsense://x", "http://["])
def test_a_proxy_of_no_use_costs_the_picture_only(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(PictureMissing):
        fetch(receiver.url)


# --- time ---


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=bytes(1000), drip=0.02),
        Reply(headers={"X-Long": "x" * 1000}, drip_head=0.02),
        Reply(404, headers={"X-Long": "x" * 1000}, drip_head=0.002),
        Reply(hold=threading.Event()),
        Reply(body=bytes(1000), drip=0.02, headers={"Connection": "close", "Transfer-Encoding": "identity"}),
    ],
    ids=["body", "head", "head of a refusal", "silence", "body without length"],
)
def test_a_server_that_takes_too_long_is_left_at_the_deadline(receiver: Receiver, reply: Reply) -> None:
    receiver.replies.append(reply)
    with pytest.raises(PictureMissing, match="in time"):
        fetch(receiver.url, timeout=SHORT)


def test_redirects_do_not_extend_the_deadline(receiver: Receiver) -> None:
    slow = Reply(302, {"Location": "/", "X-Long": "x" * 6}, drip_head=0.002)
    receiver.otherwise = slow
    with pytest.raises(PictureMissing, match="in time"):
        fetch(receiver.url, timeout=SHORT)


def test_a_look_up_that_takes_too_long_is_left_at_the_deadline() -> None:
    never = threading.Event()

    def resolve(host: str) -> list[Address]:
        never.wait(LONG)
        return [HERE]

    with pytest.raises(PictureMissing, match="in time"):
        fetch("http://slow.invalid/", resolve=resolve, timeout=SHORT)
    never.set()


def test_fetching_can_be_ended_from_another_thread(receiver: Receiver) -> None:
    watch = Watch(LONG)

    def stop(request: Request) -> Reply:
        watch.end(Cut.STOPPED)
        return Reply(lost=True)

    receiver.replies.append(stop)
    with pytest.raises(PictureMissing, match="feedbot stops"):
        fetch(receiver.url, watch=watch)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(lost=True),
        Reply(raw=b"SSH-2.0-OpenSSH_9.9\r\n"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Reply(raw=b"HTTP/1.1 999999 ?\r\n\r\n"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n"),
        Reply(raw=b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n"),
    ],
)
def test_a_server_that_breaks_off_or_does_not_speak_http_costs_the_picture_only(
    receiver: Receiver, reply: Reply
) -> None:
    receiver.replies.append(reply)
    with pytest.raises((PictureMissing, PictureRefused)):
        fetch(receiver.url)


def test_where_nothing_listens_there_may_be_something_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(PictureMissing, match="cannot be reached"):
        fetch(f"http://127.0.0.1:{port}/")


# --- whatever comes ---


def test_no_reason_repeats_an_address(receiver: Receiver) -> None:
    receiver.replies.extend(
        [Reply(404), Reply(lost=True), Reply(302, {"Location": "http://10.1.2.3/s3cret"})]
    )
    for _ in range(3):
        with pytest.raises((PictureMissing, PictureRefused)) as caught:
            fetch(receiver.url + "/s3cret")
        assert "127.0.0.1" not in str(caught.value) + repr(caught.value.__context__)
        assert "s3cret" not in str(caught.value) + repr(caught.value.__context__)


@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "http://[", "http://a.invalid/"]))
def test_no_address_does_anything_but_be_refused_or_lead_nowhere(text: str, start: str) -> None:
    with pytest.raises((PictureRefused, PictureMissing)):
        fetch(start + text, resolve=leads_to("10.0.0.1"))
