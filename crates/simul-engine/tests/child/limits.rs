use crate::group::sh;
use simul_engine::child::spawn_group;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;

#[test]
fn no_file_grows_above_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let script = format!("exec dd if=/dev/zero bs=1024 count=100 of='{}'", file.display());
    let mut group = spawn_group(sh(&script).limit_file_bytes(10_240)).unwrap();
    let status = group.wait().unwrap();
    assert!(!status.success());
    assert!(status.signal().is_none_or(|signal| signal == libc::SIGXFSZ));
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 10_240);
}

#[test]
fn a_passed_descriptor_reaches_grandchildren_and_no_one_else() {
    let (read, write) = std::io::pipe().unwrap();
    use std::os::fd::AsRawFd;
    let number = write.as_raw_fd();
    let script = format!("sh -c 'echo hello > /dev/fd/{number}'");
    let mut group = spawn_group(sh(&script).pass(write.into())).unwrap();
    let mut stranger = spawn_group(sh(&format!("test -e /dev/fd/{number}; echo $?"))).unwrap();
    let mut said = String::new();
    stranger.take_stdout().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "1\n", "another child must not inherit it");
    assert!(group.wait().unwrap().success());
    // This process's copy was closed by the spawn, so the end comes.
    let mut text = String::new();
    (&read).read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello\n");
}
