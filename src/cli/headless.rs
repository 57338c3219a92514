//! `gem-live live --headless`: the same path without a window, and its numbers.

use super::Failure;
use gem_live::pipeline::{Parts, Pipeline, Snapshot};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(serde::Serialize)]
struct Report {
    source: String,
    engine: String,
    seconds: f64,
    #[serde(flatten)]
    numbers: Snapshot,
    psnr_db: Option<[f64; 2]>,
    sharpness_gain: Option<f64>,
    facts: Vec<(&'static str, String)>,
    notices: Vec<String>,
}

/// Runs for so long, taking every outcome as a window would, and tells the numbers.
pub(super) fn run(parts: Parts, seconds: f64, json: bool) -> Result<ExitCode, Failure> {
    let pipeline = Pipeline::start(parts)?;
    let start = Instant::now();
    let (mut psnr, mut gain) = ((0.0, 0.0, 0_u32), (0.0, 0_u32));
    while start.elapsed().as_secs_f64() < seconds && !pipeline.ended() {
        std::thread::sleep(Duration::from_millis(1));
        let Some(outcome) = pipeline.take() else { continue };
        if let Some((before, after)) = outcome.psnr_db {
            psnr = (psnr.0 + before, psnr.1 + after, psnr.2 + 1);
        }
        if let Some(g) = outcome.sharpness_gain {
            gain = (gain.0 + g, gain.1 + 1);
        }
    }
    let mean = |sum: f64, n: u32| (n > 0).then(|| sum / f64::from(n));
    let report = Report {
        source: pipeline.source(),
        engine: pipeline.engine(),
        seconds: start.elapsed().as_secs_f64(),
        numbers: pipeline.stats().snapshot(),
        psnr_db: mean(psnr.0, psnr.2).zip(mean(psnr.1, psnr.2)).map(|(a, b)| [a, b]),
        sharpness_gain: mean(gain.0, gain.1),
        facts: pipeline.facts(),
        notices: pipeline.notices().list().into_iter().map(|n| n.text).collect(),
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let (n, ms) = (&report.numbers, |t: gem_live::pipeline::Times| {
            format!("{:.1} / {:.1} / {:.1} ms", t.p50_ms, t.p95_ms, t.max_ms)
        });
        println!("source      {}", report.source);
        println!("engine      {}", report.engine);
        println!("exposures   {} in, {} restored, {} out", n.captured, n.restored, n.shown);
        println!("rates       {:.1} /s in, {:.1} /s out", n.rate_in, n.rate_out);
        println!("restoring   {} (half, 95 of 100, longest)", ms(n.restore));
        println!("latency     {}", ms(n.latency));
        println!("skipped     {}", serde_json::to_string(&n.drops)?);
        for (name, value) in &report.facts {
            println!("{name}: {value}");
        }
    }
    // Without one picture the first of them is the reason, and the failure.
    let failed = report.numbers.captured == 0;
    for notice in report.notices.iter().skip(usize::from(failed)) {
        eprintln!("gem-live: {notice}");
    }
    match report.notices.into_iter().next() {
        Some(why) if failed => Err(why.into()),
        None if failed => Err(format!("{}: nothing came", report.source).into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
