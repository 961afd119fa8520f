//! A Job from Rust, with no Python: awaiting, waiting, dropping, cancelling; judged at the far end of a socket.

use simul_core::{Error, Kind};
use simul_engine::{Job, blocking, spawn, testing};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

fn far_end() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    (listener, port)
}

/// Blocks until the peer has closed; the test's own watchdog is nextest's.
fn sees_the_close(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 8]), Ok(0))
}

fn reader() -> (Job<Vec<u8>>, TcpStream) {
    let (listener, port) = far_end();
    let job = testing::tcp_read("127.0.0.1", port, 64);
    let (stream, _) = listener.accept().expect("the job connects");
    (job, stream)
}

#[test]
fn dropping_a_pending_job_closes_its_socket() {
    let (job, mut stream) = reader();
    drop(job);
    assert!(sees_the_close(&mut stream));
}

#[test]
fn cancelling_says_so_once_and_closes_the_socket() {
    let (job, mut stream) = reader();
    assert!(job.cancel());
    assert!(!job.cancel());
    assert!(job.cancelled() && job.done());
    assert!(sees_the_close(&mut stream));
    assert_eq!(job.wait(None).expect_err("it was cancelled").kind(), Kind::Cancelled);
}

#[test]
fn an_expired_wait_leaves_the_work_running() {
    let (mut job, stream) = reader();
    let error = job.wait_for(Some(Duration::ZERO)).expect_err("nothing was sent yet");
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(!job.done());
    std::io::Write::write_all(&mut &stream, b"late").expect("the job still reads");
    drop(stream);
    assert_eq!(job.wait(None).expect("it went on"), b"late");
}

#[test]
fn a_detached_job_goes_on_with_nobody_waiting() {
    let (told, heard) = mpsc::channel();
    let (go, gate) = tokio::sync::oneshot::channel::<()>();
    spawn("detached", async move {
        // An error means that the sender was dropped, which is as good a start.
        let _ = gate.await;
        told.send(()).map_err(|_| Error::new(Kind::Closed, "the test has ended"))
    })
    .detach();
    go.send(()).expect("the job waits");
    heard.recv().expect("the detached work ends");
}

#[test]
fn a_panic_is_an_error_that_says_where() {
    let error = testing::panic("kaboom").wait(None).expect_err("it panics");
    assert_eq!(error.kind(), Kind::Internal);
    assert!(error.to_string().contains("kaboom") && error.to_string().contains("testing.rs"), "{error}");
    let error = spawn("lane", blocking(|_| -> simul_core::Result<()> { panic!("in a lane") }))
        .wait(None)
        .expect_err("it panics");
    assert_eq!(error.kind(), Kind::Internal);
}

#[test]
fn waiting_on_an_async_thread_is_a_deadlock_that_is_named() {
    let outcome = spawn("outer", async { testing::ready(1).wait(None) }).wait(None);
    assert_eq!(outcome.expect_err("it would wait for itself").kind(), Kind::Deadlock);
}

#[test]
fn a_job_can_be_awaited_by_a_job() {
    let sum = spawn("sum", async { Ok(testing::ready(20).await? + testing::sleep(Duration::ZERO, 22).await?) });
    assert_eq!(sum.wait(None).expect("both end"), 42);
}

#[test]
fn dropping_the_future_of_a_lane_cancels_its_token() {
    let (started, running) = mpsc::channel();
    let (told, heard) = mpsc::channel();
    let job = spawn(
        "lane",
        blocking(move |cancel| {
            started.send(()).expect("the test waits");
            while !cancel.is_cancelled() {
                std::thread::yield_now();
            }
            told.send(()).expect("the test waits");
            Ok(())
        }),
    );
    running.recv().expect("the lane starts");
    drop(job);
    heard.recv().expect("the token is raised");
}

#[test]
fn a_dropped_job_that_runs_a_child_kills_its_group() {
    let (listener, port) = far_end();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; sleep 1000 & wait");
    let job = testing::child(vec!["bash".into(), "-c".into(), script]);
    let (mut stream, _) = listener.accept().expect("the child connects");
    drop(job);
    // Both the leader and its own child hold the socket: it closes when both are dead.
    assert!(sees_the_close(&mut stream));
}
