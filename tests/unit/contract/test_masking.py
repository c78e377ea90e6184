import pytest

from ooda.common.masking import MASK, mask

SECRET = "hunter2-s3cr3t-Value"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjaGVja291dCJ9.c2lnbmF0dXJlLXZhbHVl"

LINES = {
    "bearer": f"Authorization: Bearer {SECRET}",
    "bearer alone": f"sent bearer {SECRET} to payment",
    "password": f"password={SECRET}",
    "quoted": f'"db_password": "{SECRET}"',
    "with spaces": f'password: "{SECRET} {SECRET}"',
    "environment": f"ORDERS_DB_PASSWORD={SECRET}",
    "api key": f"x-api-key: {SECRET}",
    "connection string": f"postgresql://orders:{SECRET}@orders-db:5432/orders",
    "connection string without user": f"redis://:{SECRET}@carts:6379",
    "cookie": f"Set-Cookie: {SECRET}",
    "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    "quote that is not closed": f'password: "{SECRET} {SECRET}',
    "single quote that is not closed": f"password: '{SECRET} {SECRET}",
    "quote within": f'password: "a\\"{SECRET}"',
    "within a quote": f'{{"msg": "password=\\"{SECRET}\\" was wrong"}}',
    "name within a quote": f'"{{\\"password\\": \\"{SECRET}\\"}}"',
    "after a name with dots": f"spring.datasource.password={SECRET}",
    "private key cut off": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_credentials_are_masked(line: str) -> None:
    masked = mask(line)

    assert SECRET not in masked
    assert MASK in masked


def test_a_json_web_token_is_masked_wherever_it_is() -> None:
    assert mask(f"got {TOKEN} from auth") == f"got {MASK} from auth"


@pytest.mark.parametrize(
    "line",
    [
        "connection refused to orders-db:5432",
        "panic: runtime error",
        "GET http://payment:8080/pay 503",
    ],
)
def test_other_lines_are_left_as_they_are(line: str) -> None:
    assert mask(line) == line


def test_masking_twice_changes_nothing() -> None:
    for line in LINES.values():
        assert mask(mask(line)) == mask(line)


def test_what_follows_the_line_of_an_open_quote_is_left() -> None:
    assert mask('token="abc def\nconnection refused') == f"token={MASK}\nconnection refused"


@pytest.mark.parametrize("part", ["a.", "eyJ-", "token", "x://:", "a:b@", "password="])
def test_a_long_text_takes_no_longer_than_its_length(part: str) -> None:
    mask(part * (65536 // len(part)))
