//! Serves the repositories below a folder over HTTP, for tests: `cargo run -p simul-git --example git_server -- ROOT`.
//!
//! The first line of stdout is the port, then follows one line of JSON for each request. It ends when stdin does.
//! `--fault PATH:KIND[=VALUE]` (repeatable) makes things go wrong below a path: `login=USER:TOKEN`, `status=404`,
//! `redirect=http://HOST:PORT`, `stall=BYTES`, `cut=BYTES`, `webpage`.
#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, unreachable_pub, missing_debug_implementations)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Read;
use support::server::{Fault, Server};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut root, mut faults) = (None, Vec::new());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--fault" => faults.push(read_fault(&arguments.next().expect("--fault wants PATH:KIND[=VALUE]"))),
            _ => root = Some(argument),
        }
    }
    let root = root.expect("give the folder that holds the repositories");
    let server = Server::listen(root.as_ref(), "127.0.0.1:0", true);
    for (path, fault) in faults {
        server.fault(&path, fault);
    }
    println!("{}", server.address.port());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn read_fault(text: &str) -> (String, Fault) {
    let (path, kind) = text.split_once(':').expect("--fault wants PATH:KIND[=VALUE]");
    let (kind, value) = kind.split_once('=').unwrap_or((kind, ""));
    let number = || value.parse().expect("a number of bytes");
    let fault = match kind {
        "login" => {
            let (user, token) = value.split_once(':').expect("login=USER:TOKEN");
            Fault::Login { user: user.into(), token: token.into() }
        }
        "status" => Fault::Status(value.parse().expect("a status")),
        "redirect" => Fault::Redirect(value.into()),
        "stall" => Fault::Stall { after: number() },
        "cut" => Fault::Cut { after: number() },
        "webpage" => Fault::WebPage,
        _ => panic!("no such fault: {kind}"),
    };
    (path.to_owned(), fault)
}
