//! Which repositories are meant: arguments, and lists in files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Arguments and files, in order, each repository once.
///
/// # Errors
/// A line for the user that says what to write instead.
pub(crate) fn collect(given: &[String], files: &[String]) -> Result<Vec<String>, String> {
    let mut sources = given.to_vec();
    for file in files {
        sources.extend(from_file(file)?);
    }
    let mut seen = HashSet::new();
    sources.retain(|source| seen.insert(source.clone()));
    match sources.is_empty() {
        true if files.is_empty() => {
            Err("no repository given: name paths or URLs, or a list with --from FILE (see --help)".to_owned())
        }
        true => Err(format!("{} names no repository", files.join(", "))),
        false => Ok(sources),
    }
}

/// `FILE.txt`: one a line. `FILE.csv:COLUMN`: one a row.
fn from_file(argument: &str) -> Result<Vec<String>, String> {
    if let Some((path, column)) = argument.rsplit_once(':')
        && !Path::new(argument).exists()
        && path.to_ascii_lowercase().ends_with(".csv")
    {
        return from_csv(path, Some(column));
    }
    if argument.to_ascii_lowercase().ends_with(".csv") {
        return from_csv(argument, None);
    }
    Ok(from_lines(&read(argument)?))
}

fn read(path: &str) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| format!("--from {path}: cannot be read: {error}; check the path"))?;
    let text = match bytes.strip_prefix(b"\xff\xfe") {
        // Spreadsheets save "Unicode text" so.
        Some(rest) => {
            let units: Vec<u16> = rest.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).ok()
        }
        None => String::from_utf8(bytes).ok(),
    };
    let text = text.ok_or_else(|| format!("--from {path}: is not UTF-8 text; save it as UTF-8"))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A `#` begins a comment at the start of a line or after a space, since URLs may hold one.
fn from_lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| match line.find(" #").or_else(|| line.find("\t#")) {
            Some(at) => &line[..at],
            None => line,
        })
        .map(|line| line.trim().trim_matches('"'))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn from_csv(path: &str, column: Option<&str>) -> Result<Vec<String>, String> {
    let text = read(path)?;
    let head = text.lines().next().unwrap_or("");
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|&candidate| {
        // On a tie the comma wins.
        (head.bytes().filter(|&byte| byte == candidate).count(), candidate == b',')
    });
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let explain = |error: csv::Error| format!("--from {path}: is not a CSV file: {error}");
    let columns: Vec<String> = reader.headers().map_err(explain)?.iter().map(str::to_owned).collect();
    let names = columns.join(", ");
    let Some(column) = column.filter(|column| !column.is_empty()) else {
        return Err(format!(
            "--from {path}: say which column holds the repositories, as in {path}:COLUMN; it has: {names}"
        ));
    };
    let position = columns
        .iter()
        .position(|name| name == column)
        .or_else(|| columns.iter().position(|name| name.eq_ignore_ascii_case(column)))
        .ok_or_else(|| format!("--from {path}: there is no column {column:?}; it has: {names}"))?;
    let mut sources = Vec::new();
    for record in reader.records() {
        let record = record.map_err(explain)?;
        // A student without a repository has an empty cell.
        sources.extend(record.get(position).filter(|cell| !cell.is_empty()).map(str::to_owned));
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(name: &str, content: &[u8], argument: impl Fn(&str) -> String) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        collect(&[], &[argument(&path.to_string_lossy())])
    }

    #[test]
    fn a_text_file_has_one_a_line() {
        let text = "\u{feff}# term 2026\r\nhttps://h/a.git\r\n\r\n  ./b  # late\r\nhttps://h/x#y\nhttps://h/a.git\n";
        let sources = with_file("list.txt", text.as_bytes(), str::to_owned).expect("a list");
        assert_eq!(sources, ["https://h/a.git", "./b", "https://h/x#y"]);
    }

    #[test]
    fn a_csv_file_has_them_in_a_column() {
        let text = "\u{feff}\"Name\",\"Repo URL\"\r\n\"Doe, Jane\",https://h/a\r\nNobody,\r\n\"x\",\"https://h/a\"\r\ny,./b\r\n";
        let sources = with_file("roster.csv", text.as_bytes(), |path| format!("{path}:Repo URL")).expect("a list");
        assert_eq!(sources, ["https://h/a", "./b"]);
        let semicolons = b"Name;repo\nA;https://h/a\n";
        assert_eq!(with_file("r.csv", semicolons, |path| format!("{path}:REPO")).expect("a list"), ["https://h/a"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_there_is() {
        let text = b"name,repo\na,b\n";
        let missing = with_file("r.csv", text, |path| format!("{path}:url")).expect_err("no such column");
        assert!(missing.contains("no column \"url\"") && missing.contains("name, repo"), "{missing}");
        let unnamed = with_file("r.csv", text, str::to_owned).expect_err("no column named");
        assert!(unnamed.contains("COLUMN") && unnamed.contains("name, repo"), "{unnamed}");
        assert!(with_file("e.txt", b"# none\n", str::to_owned).expect_err("empty").contains("names no repository"));
        assert!(with_file("l.txt", b"caf\xe9\n", str::to_owned).expect_err("latin-1").contains("UTF-8"));
        assert!(collect(&[], &["/nowhere/list.txt".to_owned()]).expect_err("missing").contains("/nowhere/list.txt"));
        assert!(collect(&[], &[]).is_err());
        assert_eq!(collect(&["a".to_owned(), "a".to_owned()], &[]).expect("one"), ["a"]);
    }

    #[test]
    fn utf_16_from_a_spreadsheet_is_read() {
        let mut bytes = b"\xff\xfe".to_vec();
        bytes.extend("repo\tname\nhttps://h/a\tx\n".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(with_file("r.csv", &bytes, |path| format!("{path}:repo")).expect("a list"), ["https://h/a"]);
    }
}
