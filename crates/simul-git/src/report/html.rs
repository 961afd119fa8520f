//! A builder for HTML in which only the program's own literals are markup: everything else is escaped on the way in.

use std::fmt::Write;

/// Text that is shown is cut here; the tables hold it whole.
const SHOWN_CHARS: usize = 160;

/// HTML in the making.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Markup. Only literals of the program fit the type.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text from anywhere, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        escape_into(&mut self.out, text);
        self
    }

    /// Text from a repository: escaped, cut, and kept from changing the direction of what stands around it.
    pub(super) fn foreign(&mut self, text: &str) -> &mut Self {
        self.out.push_str("<bdi>");
        match text.char_indices().nth(SHOWN_CHARS) {
            Some((at, _)) => {
                escape_into(&mut self.out, &text[..at]);
                self.out.push('…');
            }
            None => escape_into(&mut self.out, text),
        }
        self.out.push_str("</bdi>");
        self
    }

    /// An attribute with a text value: ` name="value"`.
    pub(super) fn attr(&mut self, name: &'static str, value: &str) -> &mut Self {
        let _ = write!(self.out, " {name}=\"");
        escape_into(&mut self.out, value);
        self.out.push('"');
        self
    }

    /// An attribute with a whole number.
    pub(super) fn attr_int(&mut self, name: &'static str, value: i128) -> &mut Self {
        let _ = write!(self.out, " {name}=\"{value}\"");
        self
    }

    /// An attribute with pixels, two decimals at most.
    pub(super) fn attr_px(&mut self, name: &'static str, value: f64) -> &mut Self {
        let _ = write!(self.out, " {name}=\"{}\"", trimmed(value));
        self
    }

    /// An attribute with a share of the width, in percent.
    pub(super) fn attr_pct(&mut self, name: &'static str, value: f64) -> &mut Self {
        let _ = write!(self.out, " {name}=\"{}%\"", trimmed(value));
        self
    }

    /// A part that was built apart.
    pub(super) fn push(&mut self, part: Html) -> &mut Self {
        self.out.push_str(&part.out);
        self
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn into_string(self) -> String {
        self.out
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Markup characters become entities; control characters become their pictures, and those that would reorder or hide
/// text become U+FFFD.
fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).expect("pictures of all 32 exist")),
            '\u{7f}' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let mut html = Html::new();
        html.raw("<td").attr("title", "\" onload='x'").raw(">").text("<script>&\u{1b}[31m\u{202e}").raw("</td>");
        assert_eq!(
            html.into_string(),
            "<td title=\"&quot; onload=&#39;x&#39;\">&lt;script&gt;&amp;\u{241b}[31m\u{fffd}</td>"
        );
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let mut html = Html::new();
        html.foreign(&"é".repeat(1_000));
        let text = html.into_string();
        assert_eq!(text.matches('é').count(), SHOWN_CHARS);
        assert!(text.ends_with("…</bdi>"));
    }

    #[test]
    fn numbers_are_short() {
        let mut html = Html::new();
        html.attr_pct("x", 33.333_33).attr_px("y", 4.0).attr_int("n", -3);
        assert_eq!(html.into_string(), " x=\"33.33%\" y=\"4\" n=\"-3\"");
    }
}
