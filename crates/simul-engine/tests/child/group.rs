use crate::rerun;
use simul_engine::CancelToken;
use simul_engine::child::{
    AsyncOutput, ChildOptions, Group, live_groups, max_live_groups, spawn_group, spawn_group_async,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;

pub(crate) fn sh(script: &str) -> ChildOptions {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    ChildOptions::new(command).stdout(Stdio::piped())
}

fn said(group: &mut Group) -> String {
    let mut text = String::new();
    group.take_stdout().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// A group whose leader and whose background process both hold stdout; returns once both run.
fn two_that_never_end() -> (Group, BufReader<std::process::ChildStdout>) {
    let mut group = spawn_group(sh("(echo up; exec sleep 100000) & exec sleep 100000")).unwrap();
    let mut stdout = BufReader::new(group.take_stdout().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    (group, stdout)
}

fn reaches_its_end(mut stdout: impl Read) {
    assert_eq!(stdout.read_to_end(&mut Vec::new()).unwrap(), 0);
}

#[test]
fn the_exit_status_comes_back_and_again() {
    let mut group = spawn_group(sh("exit 7")).unwrap();
    assert_eq!(group.wait().unwrap().code(), Some(7));
    assert_eq!(group.wait().unwrap().code(), Some(7));
    let mut group = spawn_group(sh("kill -9 $$")).unwrap();
    assert_eq!(group.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_missing_program_is_an_error() {
    let error = spawn_group(Command::new("/no/such/program")).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn stdin_is_null_unless_asked_for() {
    let mut group = spawn_group(sh("cat; echo end")).unwrap();
    assert_eq!(said(&mut group), "end\n");
    let mut group = spawn_group(sh("cat").stdin(Stdio::piped())).unwrap();
    group.take_stdin().unwrap().write_all(b"given").unwrap();
    assert_eq!(said(&mut group), "given");
    // Waiting closes a stdin that was not taken, so this one ends too.
    assert!(spawn_group(sh("cat >/dev/null").stdin(Stdio::piped())).unwrap().wait().unwrap().success());
}

#[test]
fn dropping_kills_the_whole_group() {
    let (group, stdout) = two_that_never_end();
    drop(group);
    reaches_its_end(stdout);
}

#[test]
fn what_the_leader_left_behind_is_killed_when_it_exits() {
    let mut group = spawn_group(sh("sleep 100000 & echo up")).unwrap();
    let mut stdout = BufReader::new(group.take_stdout().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    assert!(group.wait().unwrap().success());
    reaches_its_end(stdout);
}

#[test]
fn a_raised_token_kills_the_group() {
    let cancel = CancelToken::new();
    let (mut group, stdout) = two_that_never_end();
    let guard = group.kill_on_cancel(&cancel);
    let raiser = std::thread::spawn({
        let cancel = cancel.clone();
        move || cancel.cancel()
    });
    assert_eq!(group.wait().unwrap().signal(), Some(9));
    drop(guard);
    raiser.join().unwrap();
    reaches_its_end(stdout);
    let (mut group, _stdout) = two_that_never_end();
    let _guard = group.kill_on_cancel(&cancel);
    assert_eq!(group.wait().unwrap().signal(), Some(9), "a token that is up already kills at once");
}

#[test]
fn a_dropped_guard_no_longer_kills() {
    let cancel = CancelToken::new();
    let mut group = spawn_group(sh("cat").stdin(Stdio::piped())).unwrap();
    drop(group.kill_on_cancel(&cancel));
    cancel.cancel();
    assert!(group.wait().unwrap().success());
}

#[test]
fn the_signal_mask_and_ignored_signals_are_not_inherited() {
    let status = std::thread::spawn(|| {
        // SAFETY: the set is initialised before use; only this thread's mask changes.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
        }
        said(&mut spawn_group(sh("cat /proc/self/status")).unwrap())
    })
    .join()
    .unwrap();
    let mask = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
    };
    assert_eq!(mask("SigBlk"), 0);
    assert_eq!(mask("SigIgn") & (1 << (libc::SIGPIPE - 1)), 0);
}

#[test]
fn a_group_outlives_the_thread_that_asked_for_it() {
    let (mut group, stdin) = std::thread::spawn(|| {
        let mut group = spawn_group(sh("read line; echo got $line").stdin(Stdio::piped())).unwrap();
        let stdin = group.take_stdin().unwrap();
        (group, stdin)
    })
    .join()
    .unwrap();
    (&stdin).write_all(b"it\n").unwrap();
    assert_eq!(said(&mut group), "got it\n");
    assert!(group.wait().unwrap().success());
}

#[test]
fn the_whole_group_dies_with_this_process() {
    if rerun::is_again() {
        let _group = spawn_group({
            let mut command = Command::new("sh");
            // The leader alone would be ended by its parent-death signal; the other only by the guardian.
            command.args(["-c", "sleep 100000 & echo up; exec sleep 100000"]);
            ChildOptions::new(command).stdout(std::fs::File::create("/dev/stdout").unwrap())
        })
        .unwrap();
        println!("watched");
        loop {
            std::thread::park();
        }
    }
    let mut process =
        rerun::again("group::the_whole_group_dies_with_this_process").stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut said = String::new();
    while !(said.contains("up\n") && said.contains("watched\n")) {
        assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "the group never came up: {said}");
    }
    process.kill().unwrap();
    process.wait().unwrap();
    reaches_its_end(stdout);
}

struct Tell(mpsc::Sender<usize>);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(live_groups());
    }
}

#[test]
fn groups_are_counted_until_they_are_reaped() {
    if !rerun::is_again() {
        return rerun::passes_alone("group::groups_are_counted_until_they_are_reaped");
    }
    let (sender, gone) = mpsc::channel();
    assert_eq!((live_groups(), max_live_groups()), (0, 0));
    let held: Vec<Group> =
        (0..3).map(|_| spawn_group(sh("sleep 100000").hold(Tell(sender.clone()))).unwrap()).collect();
    assert_eq!((live_groups(), max_live_groups()), (3, 3));
    let ids: Vec<u32> = held.iter().map(Group::id).collect();
    assert!(gone.try_recv().is_err(), "what is held stays while the group lives");
    drop(held);
    let counts: Vec<usize> = (0..3).map(|_| gone.recv().unwrap()).collect();
    assert_eq!(counts, [2, 1, 0], "the count falls before what is held goes");
    for id in ids {
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "{id} was not reaped");
    }
    let mut one = spawn_group(sh("true").hold(Tell(sender))).unwrap();
    one.wait().unwrap();
    assert_eq!(gone.recv().unwrap(), 0);
    assert_eq!((live_groups(), max_live_groups()), (0, 3));
}

#[test]
fn tasks_wait_and_read_without_a_thread() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut group = spawn_group_async(sh("echo one; echo two >&2; exit 3").stderr(Stdio::piped())).await.unwrap();
        let mut read = Vec::new();
        for mut output in [
            AsyncOutput::stdout(group.take_stdout().unwrap()).unwrap(),
            AsyncOutput::stderr(group.take_stderr().unwrap()).unwrap(),
        ] {
            let mut buffer = [0; 64];
            loop {
                let length = output.read(&mut buffer).await.unwrap();
                if length == 0 {
                    break;
                }
                read.extend_from_slice(&buffer[..length]);
            }
        }
        assert_eq!(read, b"one\ntwo\n");
        assert_eq!(group.wait_async().await.unwrap().code(), Some(3));
        assert_eq!(group.wait_async().await.unwrap().code(), Some(3));

        // A dropped wait takes nothing away.
        let (mut group, stdout) = two_that_never_end();
        tokio::select! {
            biased;
            _ = group.wait_async() => panic!("it never ends by itself"),
            () = std::future::ready(()) => {}
        }
        group.kill();
        assert_eq!(group.wait_async().await.unwrap().signal(), Some(9));
        reaches_its_end(stdout);
    });
}
