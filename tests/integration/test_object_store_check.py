"""What `doctor` says about an object store."""

import pytest

from config.settings import Storage
from server.finding import Grade
from server.object_store_check import examine_object_store
from tests.s3_server import BUCKET, S3Server, Trouble


def storage(server: S3Server, bucket: str = BUCKET) -> Storage:
    return Storage(
        url=f"s3://{bucket}/clinic", endpoint=server.endpoint, access_key_id="AKID", secret_access_key="wJalrXUtn"
    )


@pytest.mark.parametrize(
    ("trouble", "grade", "words"),
    [
        (Trouble.NONE, Grade.FINE, "takes files and gives them back"),
        (Trouble.AWAY, Grade.FAILED, "unreachable"),
        (Trouble.DENIED, Grade.FAILED, "refused"),
        (Trouble.FULL, Grade.FAILED, "full"),
        (Trouble.ALTERED, Grade.FAILED, "altered"),
    ],
)
async def test_a_store_is_tried_and_what_is_wrong_is_said(
    s3: S3Server, trouble: Trouble, grade: Grade, words: str
) -> None:
    s3.trouble = trouble
    finding = await examine_object_store(storage(s3))
    assert (finding.grade, words in finding.words, bool(finding.advice)) == (grade, True, grade is not Grade.FINE)
    assert "wJalr" not in finding.words + finding.advice


async def test_a_bucket_that_is_not_there_is_said(s3: S3Server) -> None:
    finding = await examine_object_store(storage(s3, "nobody"))
    assert (finding.grade, finding.words) == (Grade.FAILED, "s3://nobody/clinic: refused")


async def test_a_clinic_without_one_keeps_its_recordings(s3: S3Server) -> None:
    before = len(s3.requests)
    assert (await examine_object_store(Storage())).grade is Grade.FINE
    assert len(s3.requests) == before
