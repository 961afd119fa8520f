//! What git says on stderr while it works, as numbers.
//!
//! git rewrites one line with carriage returns; what the server says comes with `remote: ` in front. Everything here is
//! written by the other side or about its data, so control bytes are removed before anybody sees it.

use crate::events::Phase;

/// One thing that git said.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Said {
    pub(super) phase: Option<Phase>,
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) rate: Option<f64>,
    /// A line of text that is no progress, from the server.
    pub(super) message: Option<String>,
}

/// Cuts stderr into lines and reads them; keeps the end of git's own words for error messages.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    /// git's own lines, newest last.
    own: String,
    /// The server's lines, newest last.
    remote: String,
}

/// A hostile server may send a line without end.
const LONGEST_LINE: usize = 8 << 10;
const KEPT: usize = 16 << 10;

impl Reader {
    /// Reads more of stderr; what was understood goes to `said`.
    pub(super) fn feed(&mut self, bytes: &[u8], mut said: impl FnMut(Said)) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end_line(&mut said);
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            }
        }
    }

    /// The stream has ended.
    pub(super) fn finish(&mut self, mut said: impl FnMut(Said)) {
        self.end_line(&mut said);
    }

    /// What git itself said that was no progress, control bytes removed.
    pub(super) fn own_words(&self) -> &str {
        &self.own
    }

    /// What the server said that was no progress, control bytes removed.
    pub(super) fn remote_words(&self) -> &str {
        &self.remote
    }

    fn end_line(&mut self, said: &mut impl FnMut(Said)) {
        let line = std::mem::take(&mut self.line);
        let text = plain_text(&line);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let (remote, words) = match text.strip_prefix("remote:") {
            Some(words) => (true, words.trim()),
            None => (false, text),
        };
        if let Some(progress) = read_progress(words) {
            said(progress);
            return;
        }
        let kept = if remote { &mut self.remote } else { &mut self.own };
        kept.push_str(words);
        kept.push('\n');
        if kept.len() > KEPT {
            let mut cut = kept.len() - KEPT;
            while !kept.is_char_boundary(cut) {
                cut += 1;
            }
            kept.drain(..cut);
        }
        if remote && !words.is_empty() {
            said(Said { message: Some(words.chars().take(300).collect()), ..Said::default() });
        }
    }
}

/// `bytes` without terminal control: escape sequences (CSI and OSC) as a whole, then any other control character.
pub(super) fn plain_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => match chars.peek() {
                Some('[') => {
                    chars.next();
                    // Parameters and intermediates, then one final character.
                    while chars.next_if(|c| ('\x20'..='\x3f').contains(c)).is_some() {}
                    chars.next_if(|c| ('\x40'..='\x7e').contains(c));
                }
                Some(']') => while chars.next_if(|c| *c != '\x07' && *c != '\x1b').is_some() {},
                _ => {}
            },
            '\t' => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Titles of git's progress lines, by phase.
const TITLES: &[(&str, Phase)] = &[
    ("Enumerating objects", Phase::Counting),
    ("Counting objects", Phase::Counting),
    ("Compressing objects", Phase::Compressing),
    ("Receiving objects", Phase::Receiving),
    ("Unpacking objects", Phase::Receiving),
    ("Indexing objects", Phase::Receiving),
    ("Resolving deltas", Phase::Resolving),
    ("Checking connectivity", Phase::Checking),
    ("Checking objects", Phase::Checking),
];

/// `Receiving objects:  45% (9/20), 1.20 MiB | 3.00 MiB/s`, `Enumerating objects: 25, done.`
fn read_progress(line: &str) -> Option<Said> {
    let (title, rest) = line.split_once(':')?;
    let phase = TITLES.iter().find(|(known, _)| *known == title)?.1;
    let rest = rest.trim_start();
    let mut said = Said { phase: Some(phase), ..Said::default() };
    match rest.split_once('(').and_then(|(_, after)| after.split_once(')')) {
        Some((counts, after)) => {
            let (done, total) = counts.split_once('/')?;
            said.done = done.trim().parse().ok()?;
            said.total = Some(total.trim().parse().ok()?);
            let sizes = after.trim_start_matches([',', ' ']);
            let (bytes, rate) = match sizes.split_once('|') {
                Some((bytes, rate)) => (bytes, rate.split("/s").next().and_then(read_size)),
                None => (sizes, None),
            };
            said.bytes = read_size(bytes.split(',').next().unwrap_or(bytes)).map(|bytes| bytes as u64);
            said.rate = rate;
        }
        None => said.done = rest.split([',', ' ']).next()?.parse().ok()?,
    }
    Some(said)
}

/// `1.20 MiB` in bytes.
fn read_size(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let factor = match unit.trim() {
        "bytes" | "byte" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Vec<Said>, Reader) {
        let (mut all, mut reader) = (Vec::new(), Reader::default());
        // One byte at a time: no line may depend on how the pipe cuts it.
        for byte in text {
            reader.feed(&[*byte], |said| all.push(said));
        }
        reader.finish(|said| all.push(said));
        (all, reader)
    }

    #[test]
    fn every_progress_line_of_git_is_read() {
        let (all, reader) = read(
            b"Cloning into bare repository 'x'...\nremote: Enumerating objects: 25, done.        \n\
              remote: Counting objects:  12% (3/25)        \rremote: Counting objects: 100% (25/25), done.\n\
              remote: Compressing objects:  50% (2/4)\r\
              Receiving objects:  45% (9/20), 1.25 MiB | 3.00 MiB/s\rReceiving objects: 100% (20/20), 1023 bytes | 1023.00 KiB/s, done.\n\
              Resolving deltas:  50% (1/2)\rResolving deltas: 100% (2/2), done.\nChecking connectivity: 20, done.\n",
        );
        let short: Vec<(Phase, u64, Option<u64>, Option<u64>)> =
            all.iter().map(|said| (said.phase.unwrap(), said.done, said.total, said.bytes)).collect();
        assert_eq!(
            short,
            [
                (Phase::Counting, 25, None, None),
                (Phase::Counting, 3, Some(25), None),
                (Phase::Counting, 25, Some(25), None),
                (Phase::Compressing, 2, Some(4), None),
                (Phase::Receiving, 9, Some(20), Some(1_310_720)),
                (Phase::Receiving, 20, Some(20), Some(1023)),
                (Phase::Resolving, 1, Some(2), None),
                (Phase::Resolving, 2, Some(2), None),
                (Phase::Checking, 20, None, None),
            ]
        );
        assert_eq!(all[4].rate, Some(3.0 * 1024.0 * 1024.0));
        assert_eq!(reader.own_words(), "Cloning into bare repository 'x'...\n");
    }

    #[test]
    fn control_bytes_never_pass() {
        let (all, reader) =
            read(b"remote: \x1b[31mred\x1b[0m \x1b]0;title\x07\x08plain\x00\nfatal: \x9b31m\x1b[2Jbad\n");
        assert_eq!(all.iter().filter_map(|said| said.message.as_deref()).collect::<Vec<_>>(), ["red plain"]);
        assert!(!reader.own_words().chars().any(|c| c.is_control() && c != '\n'), "{:?}", reader.own_words());
        assert!(reader.own_words().ends_with("bad\n"));
    }

    #[test]
    fn nothing_grows_with_a_hostile_server() {
        let mut reader = Reader::default();
        for _ in 0..1000 {
            reader.feed(&[b'x'; 1000], |_| {});
        }
        for _ in 0..10_000 {
            reader.feed("remote: é\nfatal: é\n".as_bytes(), |_| {});
        }
        assert!(reader.line.len() <= LONGEST_LINE);
        assert!(reader.own_words().len() <= KEPT && reader.remote_words().len() <= KEPT);
        for odd in ["Receiving objects: (/)", "Receiving objects:", "Receiving objects: 1% (99999999999999999999/1)"] {
            assert_eq!(read_progress(odd), None, "{odd}");
        }
    }
}
