//! Ctrl-C once and twice, and SIGTERM, judged at the far end: the server sees its connection close.

use crate::fixture::{Ended, Home, signal};
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::process::Child;

/// A server that takes a connection and never answers.
struct Stalling(TcpListener);

impl Stalling {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn url(&self) -> String {
        format!("http://{}/course/hw1.git", self.0.local_addr().expect("an address"))
    }

    fn accept(&self) -> TcpStream {
        self.0.accept().expect("git connects").0
    }
}

/// Starts a sync of the stalling server, then of a local repository, one at a time.
fn start(home: &Home, server: &Stalling) -> (Child, TcpStream) {
    let ada = home.repository("ada", "Ada");
    let url = server.url();
    let child = home.simul(&["repos", "sync", &url, &ada, "--jobs", "1", "--format", "csv"]).spawn().expect("starts");
    let connection = server.accept();
    (child, connection)
}

/// Reads stderr up to a line that holds `word`.
fn read_until(child: &mut Child, word: &str) -> BufReader<std::process::ChildStderr> {
    let mut reader = BufReader::new(child.stderr.take().expect("piped"));
    loop {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).expect("text"), 0, "it ended before saying {word:?}");
        if line.contains(word) {
            return reader;
        }
    }
}

/// Whether the process at the other end is gone: everything it sent, then the end.
fn hung_up(mut connection: TcpStream) -> bool {
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |_| true)
}

fn nothing_partial(home: &Home) {
    let left: Vec<String> =
        home.everything("cache").into_iter().filter(|path| path.contains("hw1") && !path.contains("locks")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn once_finishes_what_runs_and_starts_nothing_new() {
    let (home, server) = (Home::new(), Stalling::new());
    let (mut child, connection) = start(&home, &server);
    signal(child.id(), libc::SIGINT);
    let mut stderr = read_until(&mut child, "finishing what runs");
    // What runs comes to its own end: here the server hangs up, on git's second try too.
    drop(connection);
    drop(server);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    let ended = Ended::of(child).with_code(130);
    assert!(rest.contains("run the same command again"), "{rest}");
    assert!(rest.contains("1 not finished"), "{rest}");
    assert_eq!(ended.stdout.lines().count(), 1, "only the header: {}", ended.stdout);
    nothing_partial(&home);
}

#[test]
fn twice_stops_at_once() {
    let (home, server) = (Home::new(), Stalling::new());
    let (mut child, connection) = start(&home, &server);
    signal(child.id(), libc::SIGINT);
    let _stderr = read_until(&mut child, "finishing what runs");
    signal(child.id(), libc::SIGINT);
    Ended::of(child).with_code(130);
    assert!(hung_up(connection));
    nothing_partial(&home);
}

#[test]
fn sigterm_stops_at_once() {
    let (home, server) = (Home::new(), Stalling::new());
    let (child, connection) = start(&home, &server);
    signal(child.id(), libc::SIGTERM);
    Ended::of(child).with_code(143);
    assert!(hung_up(connection));
    nothing_partial(&home);
}
