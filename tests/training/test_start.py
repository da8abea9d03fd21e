"""What is done to a train_dir before the first step."""

from landmark.training import start

HALF_WRITTEN = (
    "checkpoint.tmp" + 32 * "0",
    "model.ckpt-12.meta.tmpef0e7d0d8ee9493cb55016126c4300c8",
    "model.ckpt-7.data-00000-of-00001.tempstate1234567890",
    "model.ckpt-7.index.tempstate1234567890",
    ".999999999-00000000.part.txt",
)
OTHERS = ("checkpoint", "model.ckpt-7.meta", "notes.tmp", "my.ckpt-1.index.tempstate1")


def test_what_is_half_written_goes_and_all_else_stays(tmp_path):
    for name in (*HALF_WRITTEN, *OTHERS):
        (tmp_path / name).write_bytes(b"")
    start.mend_train_dir(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(OTHERS)
