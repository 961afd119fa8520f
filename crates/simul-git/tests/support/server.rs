//! A git server over HTTP: the real `git http-backend` behind a small front that logs each request and misbehaves on
//! demand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// One request, as it was answered.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: HashMap<String, String>,
    /// The protocol's command (`ls-refs`, `fetch`), if it could be read.
    pub command: Option<String>,
    pub received_bytes: usize,
    pub sent_bytes: usize,
    pub status: u16,
    /// The client left before the answer was complete.
    pub left: bool,
}

impl Request {
    pub fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").map(String::as_str)
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Wants this login.
    Login { user: String, token: String },
    /// Always this status.
    Status(u16),
    /// Sends the client to another server (`http://host:port`), path kept.
    Redirect(String),
    /// Answers so many bytes of the pack's answer and then nothing, until the client leaves.
    Stall { after: usize },
    /// Answers so many bytes of the pack's answer and hangs up.
    Cut { after: usize },
    /// A web page instead of git's answer.
    WebPage,
    /// Says this before the pack, on the channel for people.
    Say(Vec<u8>),
    /// Holds the pack's answer until [`Server::let_go`].
    Hold,
}

/// A running server. Dropped, it closes its port; requests in flight end with their clients.
pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    log: Mutex<Vec<Request>>,
    changed: Condvar,
    faults: Mutex<Vec<(String, Fault)>>,
    held: Mutex<bool>,
    waiting: AtomicUsize,
    closed: std::sync::atomic::AtomicBool,
    print: bool,
}

impl Server {
    /// Serves every repository below `root`.
    pub fn start(root: &Path) -> Self {
        Self::listen(root, "127.0.0.1:0", false)
    }

    /// As [`Server::start`]; `print` writes each request to stdout as a line of JSON.
    pub fn listen(root: &Path, address: &str, print: bool) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let shared = Arc::new(Shared {
            root: root.canonicalize().unwrap(),
            log: Mutex::default(),
            changed: Condvar::new(),
            faults: Mutex::default(),
            held: Mutex::new(true),
            waiting: AtomicUsize::new(0),
            closed: false.into(),
            print,
        });
        let server = Self { address: listener.local_addr().unwrap(), shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closed.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
                std::thread::spawn(move || {
                    let mut request = Request::default();
                    let answered = shared.answer(stream, &mut request);
                    request.left |= answered.is_err();
                    if request.method.is_empty() {
                        return;
                    }
                    shared.log(request);
                });
            }
        });
        server
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Below `path`, things go wrong so from now on.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.shared.faults.lock().unwrap().push((format!("/{path}"), fault));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.shared.faults.lock().unwrap().clear();
    }

    /// Ends [`Fault::Hold`].
    pub fn let_go(&self) {
        *self.shared.held.lock().unwrap() = false;
        self.shared.changed.notify_all();
    }

    /// Undoes [`Server::let_go`].
    pub fn hold_again(&self) {
        *self.shared.held.lock().unwrap() = true;
    }

    /// Waits until so many requests are held or stalled.
    pub fn wait_for_held(&self, count: usize) {
        let held = self.shared.held.lock().unwrap();
        drop(self.shared.changed.wait_while(held, |_| self.shared.waiting.load(Ordering::SeqCst) < count).unwrap());
    }

    /// Takes the log.
    pub fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }

    /// Waits until a request that fits is in the log.
    pub fn wait_for_log(&self, fits: impl Fn(&Request) -> bool) -> Request {
        let log = self.shared.log.lock().unwrap();
        let log = self.shared.changed.wait_while(log, |log| !log.iter().any(&fits)).unwrap();
        log.iter().find(|request| fits(request)).unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn log(&self, request: Request) {
        if self.print {
            let Request { method, path, query, command, received_bytes, sent_bytes, status, left, .. } = &request;
            let authorization = request.authorization().is_some();
            let mut out = std::io::stdout().lock();
            let _ = writeln!(
                out,
                r#"{{"method":{method:?},"path":{path:?},"query":{query:?},"command":{:?},"received_bytes":{received_bytes},"sent_bytes":{sent_bytes},"status":{status},"left":{left},"authorization":{authorization}}}"#,
                command.as_deref().unwrap_or("")
            );
            let _ = out.flush();
        } else {
            self.log.lock().unwrap().push(request);
            self.changed.notify_all();
        }
    }

    fn answer(&self, stream: TcpStream, request: &mut Request) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        request.method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        (request.path, request.query) = (path.to_owned(), query.to_owned());
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            request.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let body = read_body(&mut reader, &request.headers)?;
        request.received_bytes = body.len();
        let text = String::from_utf8_lossy(&body);
        request.command = text
            .split("command=")
            .nth(1)
            .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect());
        if request.command.is_none() && request.headers.contains_key("content-encoding") {
            // Only large requests are compressed, and only negotiation is large.
            request.command = Some("fetch".into());
        }

        let faults: Vec<Fault> = self
            .faults
            .lock()
            .unwrap()
            .iter()
            .filter(|(prefix, _)| request.path.starts_with(prefix.as_str()))
            .map(|(_, fault)| fault.clone())
            .collect();
        let mut client = Client { stream: &stream, request };
        for fault in &faults {
            match fault {
                Fault::Login { user, token } => {
                    let wanted = format!("Basic {}", base64(format!("{user}:{token}").as_bytes()));
                    if client.request.authorization() != Some(wanted.as_str()) {
                        let more = "WWW-Authenticate: Basic realm=\"git\"\r\n";
                        return client.short(401, more, "a login is wanted");
                    }
                }
                Fault::Status(status) => return client.short(*status, "", "no"),
                Fault::Redirect(base) => {
                    let location = format!("Location: {base}{}?{}\r\n", client.request.path, client.request.query);
                    return client.short(302, &location, "elsewhere");
                }
                Fault::WebPage => return client.short(200, "Content-Type: text/html\r\n", "<html>hello</html>"),
                _ => {}
            }
        }
        let is_pack = client.request.command.as_deref() == Some("fetch");
        let (status, head, mut answer) = self.backend(client.request, &body)?;
        client.request.status = status;
        let mut out = format!("HTTP/1.1 {status} OK\r\nConnection: close\r\n{head}\r\n").into_bytes();
        client.send(&out)?;
        out.clear();
        if is_pack {
            for fault in &faults {
                match fault {
                    Fault::Hold => self.hold(&stream, client.request)?,
                    Fault::Stall { after } => {
                        let sent = client.copy_some(&mut answer, *after)?;
                        assert_eq!(sent, *after, "the answer is shorter than where it should stall");
                        return self.stall(&stream, client.request);
                    }
                    Fault::Cut { after } => {
                        client.copy_some(&mut answer, *after)?;
                        return Ok(());
                    }
                    Fault::Say(words) => say(&mut client, &mut answer, words)?,
                    _ => {}
                }
            }
        }
        client.copy_some(&mut answer, usize::MAX)?;
        Ok(())
    }

    /// Until let go, or the client leaves.
    fn hold(&self, stream: &TcpStream, request: &mut Request) -> std::io::Result<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        let mut held = self.held.lock().unwrap();
        stream.set_nonblocking(true)?;
        while *held {
            held = self.changed.wait_timeout(held, std::time::Duration::from_millis(20)).unwrap().0;
            if let Ok(0) = stream.peek(&mut [0]) {
                request.left = true;
                break;
            }
        }
        stream.set_nonblocking(false)?;
        let _ = self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |waiting| waiting.checked_sub(1));
        match request.left {
            true => Err(std::io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }

    /// Until the client leaves.
    fn stall(&self, mut stream: &TcpStream, request: &mut Request) -> std::io::Result<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_all();
        let mut buffer = [0; 64];
        while !matches!(stream.read(&mut buffer), Ok(0) | Err(_)) {}
        request.left = true;
        let _ = self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |waiting| waiting.checked_sub(1));
        Ok(())
    }

    fn backend(&self, request: &Request, body: &[u8]) -> std::io::Result<(u16, String, Box<dyn Read>)> {
        let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default().to_owned();
        let mut child = Command::new("git")
            .arg("http-backend")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", percent_decoded(&request.path))
            .env("QUERY_STRING", &request.query)
            .env("REQUEST_METHOD", &request.method)
            .env("CONTENT_TYPE", header("content-type"))
            .env("CONTENT_LENGTH", body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
            .env("GIT_PROTOCOL", header("git-protocol"))
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (mut stdin, body) = (child.stdin.take().unwrap(), body.to_vec());
        std::thread::spawn(move || {
            let _ = stdin.write_all(&body);
        });
        let mut answer = BufReader::new(Reaped { stdout: child.stdout.take().unwrap(), child });
        let (mut status, mut head) = (200, String::new());
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            let line = line.trim_end();
            match line.strip_prefix("Status: ") {
                _ if line.is_empty() => break,
                Some(code) => status = code[..3].parse().unwrap(),
                None => head.push_str(&format!("{line}\r\n")),
            }
        }
        Ok((status, head, Box::new(answer)))
    }
}

/// Its child ends with it.
struct Reaped {
    stdout: std::process::ChildStdout,
    child: std::process::Child,
}

impl Read for Reaped {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stdout.read(buffer)
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client<'a> {
    stream: &'a TcpStream,
    request: &'a mut Request,
}

impl Client<'_> {
    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)?;
        self.request.sent_bytes += bytes.len();
        Ok(())
    }

    fn short(&mut self, status: u16, head: &str, text: &str) -> std::io::Result<()> {
        self.request.status = status;
        let length = text.len();
        self.send(
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{head}Content-Length: {length}\r\n\r\n{text}")
                .as_bytes(),
        )
    }

    fn copy_some(&mut self, answer: &mut dyn Read, most: usize) -> std::io::Result<usize> {
        let (mut sent, mut buffer) = (0, [0; 16 << 10]);
        while sent < most {
            let wanted = buffer.len().min(most - sent);
            let length = answer.read(&mut buffer[..wanted])?;
            if length == 0 {
                break;
            }
            self.send(&buffer[..length])?;
            sent += length;
        }
        Ok(sent)
    }
}

/// Puts words for people in front of the first packet of the pack.
fn say(client: &mut Client<'_>, answer: &mut dyn Read, words: &[u8]) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        answer.read_exact(&mut length)?;
        let count = usize::from_str_radix(std::str::from_utf8(&length).unwrap(), 16).unwrap();
        client.send(&length)?;
        if count < 4 {
            continue;
        }
        let mut packet = vec![0; count - 4];
        answer.read_exact(&mut packet)?;
        client.send(&packet)?;
        if packet.starts_with(b"packfile") {
            let mut line = vec![2];
            line.extend_from_slice(words);
            client.send(format!("{:04x}", line.len() + 4).as_bytes())?;
            return client.send(&line);
        }
    }
}

fn read_body(reader: &mut impl BufRead, headers: &HashMap<String, String>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length").and_then(|length| length.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk)?;
            if length == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }
    Ok(body)
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match tail {
            [a, b, after @ ..] if *first == b'%' => {
                bytes.push(u8::from_str_radix(std::str::from_utf8(&[*a, *b]).unwrap_or("3f"), 16).unwrap_or(b'?'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Base64 of RFC 4648, for logins.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let group = u32::from_be_bytes(group);
        for place in 0..4 {
            let letter = char::from(ALPHABET[(group >> (18 - 6 * place)) as usize & 63]);
            text.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    text
}
