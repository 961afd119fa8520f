//! Writes `report.html` for made-up repositories: `cargo run -p simul-git --example report_page -- 40 page.html`.

#[path = "../tests/invented/mod.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, missing_debug_implementations)]
mod invented;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1);
    let count = args.next().and_then(|count| count.parse().ok()).unwrap_or(40);
    let path = args.next().unwrap_or_else(|| "report.html".to_owned());
    std::fs::write(path, simul_git::report::page(&invented::report(count)))
}
