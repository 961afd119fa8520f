//! Made-up histories for the report: the same on every machine, with hostile names among them.

use simul_git::report::{CommitRow, RepoReport, RepoStats, Report};
use simul_git::{RepoError, RepoErrorKind};

/// A small generator (SplitMix64), so that a page is the same on every run.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

const NAMES: [&str; 14] = [
    "Ada Lovelace",
    "Emanuel Lasker",
    "Vera Menchik",
    "José Raúl Capablanca",
    "Judit Polgár",
    "Михаил Таль",
    "侯逸凡",
    "Nona Gaprindashvili",
    "Paul Morphy",
    "Sultan Khan",
    "Lyudmila Rudenko",
    "Bobby Fischer",
    "Elisaveta Bykova",
    "Wilhelm Steinitz",
];

/// Texts that a page must not take for markup.
pub const HOSTILE: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "</title></style></script><b>x",
    "\u{1b}[31mred\u{202e}evil\u{0}",
];

/// Where made-up histories begin: 2026-08-31, a Monday.
const TERM: i64 = 1_788_134_400;

/// One repository of a term of `weeks` weeks with about `commits` commits.
pub fn repository(dice: &mut Dice, authors: usize, weeks: u64, commits: u64) -> RepoStats {
    let mut stats = RepoStats::at(Some("0123456789abcdef0123456789abcdef01234567".to_owned()), false);
    let first = dice.below(NAMES.len() as u64) as usize;
    let name = |at: usize| NAMES[(first + at) % NAMES.len()];
    let mut owned = vec![0_u64; authors];
    for n in 0..commits {
        // More towards each deadline, in the evening, and from the first authors of the list.
        let week = dice.below(weeks).max(dice.below(weeks));
        let day = if dice.below(4) == 0 { dice.below(7) } else { 3 + dice.below(2) };
        let hour = [9, 10, 11, 14, 15, 16, 20, 21, 22, 23][dice.below(10) as usize];
        let who = (dice.below(authors as u64) * dice.below(authors as u64) / authors.max(1) as u64) as usize;
        let is_merge = n % 11 == 10;
        let size = if dice.below(90) == 0 { 4_000 } else { 60 };
        let (additions, deletions) = if is_merge { (0, 0) } else { (dice.below(size), dice.below(size / 3)) };
        let email = format!("{}@uni.example", name(who).split(' ').next().unwrap_or("x").to_lowercase());
        stats.add_commit(CommitRow {
            author_name: name(who),
            author_email: &email,
            seconds: TERM + (week * 7 + day) as i64 * 86_400 + hour * 3_600 + dice.below(3_600) as i64,
            offset_minutes: 0,
            additions,
            deletions,
            is_merge,
        });
        if !is_merge {
            let path = format!("src/{}/part_{}.py", ["board", "engine", "clock"][(n % 3) as usize], dice.below(9));
            stats.add_change(&path, Some(additions), Some(deletions));
            owned[who] += additions;
        }
    }
    for (who, lines) in owned.iter().enumerate() {
        let email = format!("{}@uni.example", name(who).split(' ').next().unwrap_or("x").to_lowercase());
        stats.add_ownership(&format!("src/file_{who}.py"), name(who), &email, lines * 3 / 4);
    }
    stats.branches = 1 + dice.below(4);
    stats.tags = dice.below(3);
    stats.finish();
    stats
}

/// A report on `count` repositories; from the third on, one in nine has a problem.
pub fn report(count: usize) -> Report {
    let mut dice = Dice(7);
    let mut report = Report {
        made_at: 1_795_000_000,
        simul_version: "0.1.0".to_owned(),
        git_version: Some("2.50.1".to_owned()),
        ..Report::default()
    };
    for at in 0..count {
        let source = format!("https://github.com/course-2026/chess-team-{:02}.git", at + 1);
        if at > 2 && at % 9 == 4 {
            let problem = [
                RepoError::new(
                    RepoErrorKind::NotFound,
                    &source,
                    "connecting",
                    "the server says 404: no such repository",
                )
                .hint("check the address, or give a login with --auth github.com=ENVVAR if it is private"),
                RepoError::new(RepoErrorKind::Empty, &source, "walking", "there is no commit yet")
                    .hint("nothing to report until the first push"),
            ][at % 2]
                .clone();
            report.repositories.push(RepoReport { source, name: None, stats: None, problems: vec![problem] });
            continue;
        }
        let commits = if count == 1 { 1_400 } else { 20 + dice.below(180) };
        let authors = if count == 1 { 11 } else { 2 + dice.below(4) as usize };
        let mut stats = repository(&mut dice, authors, if count == 1 { 70 } else { 14 }, commits);
        stats.shallow = at == 5;
        report.repositories.push(RepoReport { source, name: None, stats: Some(stats), problems: Vec::new() });
    }
    report
}
