//! The frame: head, policy, style, script, and the order of the sections.

use super::{Context, authors, details, files, overview, ownership, problems, repositories, time};
use crate::report::calendar;
use crate::report::html::Html;
use crate::report::number::counted;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/script.js");

type Section = fn(&Context<'_>) -> Option<Html>;

pub(super) fn document(context: &Context<'_>) -> Html {
    let mut html = Html::new();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\"");
    html.attr("content", &policy());
    html.raw(">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    html.text(&title(context)).raw("</title>\n<style>").raw(STYLE).raw("</style>\n</head>\n<body>\n");
    html.raw("<a class=\"skip\" href=\"#main\">Skip to the numbers</a>\n");
    header(&mut html, context);
    let sections: [(&str, &str, Section); 9] = [
        ("overview", "", overview::section),
        ("problems", "Problems", problems::section),
        ("time", "Over time", time::section),
        ("repositories", "Repositories", repositories::section),
        ("authors", "Authors", authors::section),
        ("ownership", "Ownership", ownership::section),
        ("files", "Churn", files::section),
        ("hours", "Hours", time::hours_section),
        ("each", "Each repository", details::section),
    ];
    let sections = sections.map(|(id, name, section)| (id, name, section(context)));
    contents(&mut html, &sections);
    html.raw("<main id=\"main\">\n");
    for (_, _, section) in sections {
        if let Some(section) = section {
            html.push(section);
        }
    }
    html.raw("</main>\n");
    footer(&mut html, context);
    html.raw("<script>").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
    html
}

/// Links to the sections that there are.
fn contents(html: &mut Html, sections: &[(&'static str, &'static str, Option<Html>)]) {
    let there: Vec<_> = sections.iter().filter(|(_, name, section)| !name.is_empty() && section.is_some()).collect();
    if there.len() < 2 {
        return;
    }
    html.raw("<nav aria-label=\"Sections\"><ul>");
    for (id, name, _) in there {
        html.raw("<li><a").attr("href", &format!("#{id}")).raw(">").raw(name).raw("</a></li>");
    }
    html.raw("</ul></nav>\n");
}

/// Nothing is loaded from anywhere; only this very style and script count, so injected ones would not run.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Sha256::digest(STYLE)),
        base64(&Sha256::digest(SCRIPT))
    )
}

fn title(context: &Context<'_>) -> String {
    match context.labels.as_slice() {
        [] => "Report".to_owned(),
        [one] => one.clone(),
        many => format!("Report on {}", counted(many.len() as u64, "repository", "repositories")),
    }
}

fn header(html: &mut Html, context: &Context<'_>) {
    html.raw("<header>\n<p class=\"kicker\">simul repos report</p>\n<h1>");
    html.foreign(&title(context)).raw("</h1>\n<p class=\"lede\">");
    match context.totals.span() {
        Some((first, last)) if first == last => {
            html.text(&format!("All commits are of {}.", calendar::long_date(first)));
        }
        Some((first, last)) => {
            html.text(&format!("Commits from {} to {}.", calendar::long_date(first), calendar::long_date(last)));
        }
        None => {
            html.raw("No commits were read.");
        }
    }
    html.raw("</p>\n</header>\n");
}

fn footer(html: &mut Html, context: &Context<'_>) {
    let report = context.report;
    html.raw("<footer>\n<h2>How to read this</h2>\n<p>");
    html.text(match report.scope.refs.as_str() {
        "head" => "Counted are the commits that git log shows for HEAD of each repository. ",
        "all" => "Counted are the commits that can be reached from any branch or tag. ",
        _ => "Counted are the commits that can be reached from the refs that were asked for: ",
    });
    if !matches!(report.scope.refs.as_str(), "head" | "all") {
        html.foreign(&report.scope.refs).raw(". ");
    }
    html.text(match report.scope.merges.as_str() {
        "first-parent" => "A merge counts with what it changed against its first parent. ",
        "combined" => "A merge counts with what differs from all of its parents. ",
        _ => "A merge counts as a commit and with no lines, as in git log --numstat. ",
    });
    html.raw("Days and hours are those of the author, in the author\u{2019}s own time zone; authors are told apart by name and email address, after .mailmap. ");
    html.raw("Lines are counted as git counts them, renames followed; binary files have none. ");
    if report.scope.ownership {
        html.raw("Surviving lines are those that git blame gives to an author at the commit that was read. ");
    }
    html.raw("Numbers of lines and commits say who typed and committed, not who thought.</p>\n<p>Made ");
    html.text(&calendar::moment(report.made_at)).raw(" by simul ").text(&report.simul_version);
    if let Some(version) = &report.git_version {
        html.raw(" with git ").text(version);
    }
    html.raw(". The tables beside this page hold every row; manifest.json says how they were made.</p>\n</footer>\n");
}

/// Base64 with padding, as the policy wants its hashes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0_u32, |word, (at, &byte)| word | u32::from(byte) << (16 - 8 * at));
        for digit in 0..4 {
            let known = digit <= chunk.len();
            text.push(if known { char::from(DIGITS[(word >> (18 - 6 * digit)) as usize & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads() {
        assert_eq!(
            ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes())),
            ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        );
    }

    #[test]
    fn style_and_script_hold_nothing_that_would_end_them_or_load_from_elsewhere() {
        for text in [STYLE, SCRIPT] {
            assert!(text.len() > 500);
            for forbidden in ["</", "url(", "@import", "http://", "https://", "innerHTML", "eval("] {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
        }
    }
}
