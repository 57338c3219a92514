//! The report of a run, written after every step, so that a step that hangs loses nothing else.

use crate::cli::failure::Failure;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Results and failures. A failure does not stop the remaining steps, because device time may be
/// expensive.
pub(super) struct Report {
    path: Option<PathBuf>,
    /// Facts about program and device, as a JSON object.
    head: Value,
    golden: Vec<Value>,
    sizes: Vec<Value>,
    /// Rows of the wgpu engine.
    graphics: Vec<Value>,
    not_run: Vec<String>,
    /// Devices that are not measured, with the reason.
    skipped: Vec<String>,
    failures: Vec<String>,
}

impl Report {
    fn save(&self) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut all = self.head.clone();
        if let Some(fields) = all.as_object_mut() {
            fields.insert("golden".into(), json!(self.golden));
            fields.insert("sizes".into(), json!(self.sizes));
            fields.insert("graphics".into(), json!(self.graphics));
            fields.insert("not_run".into(), json!(self.not_run));
            fields.insert("skipped".into(), json!(self.skipped));
            fields.insert("failures".into(), json!(self.failures));
        }
        let text = serde_json::to_string_pretty(&all)?;
        Ok(gem_live::formats::atomic_file::write(path, text.as_bytes())?)
    }

    fn fail(&mut self, what: &str, why: &str) {
        eprintln!("gem-live: {what}: {why}");
        self.failures.push(format!("{what}: {why}"));
    }
}

/// Runs steps with a time limit each.
pub(super) struct Steps {
    report: Arc<Mutex<Report>>,
    limit: Duration,
}

impl Steps {
    pub(super) fn new(path: Option<PathBuf>, head: Value, limit: Duration) -> Self {
        let (golden, sizes, graphics) = (Vec::new(), Vec::new(), Vec::new());
        let (not_run, skipped, failures) = (Vec::new(), Vec::new(), Vec::new());
        let report = Report { path, head, golden, sizes, graphics, not_run, skipped, failures };
        Self { report: Arc::new(Mutex::new(report)), limit }
    }

    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one step, and returns its value or records its failure. A step that exceeds the limit
    /// ends the process: a call into a driver that hangs cannot be interrupted.
    pub(super) fn run<T>(
        &self,
        what: &str,
        step: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let (done, ended) = channel::<()>();
        let (report, limit, name) = (self.report.clone(), self.limit, what.to_owned());
        let watch = move || {
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                report.fail(&name, &format!("did not end within {} s", limit.as_secs()));
                if let Err(e) = report.save() {
                    eprintln!("gem-live: {e}");
                }
                #[allow(
                    clippy::disallowed_methods,
                    reason = "the step that hangs would never return; its report is written"
                )]
                std::process::exit(1);
            }
        };
        std::thread::Builder::new().name("gpu-check limit".into()).spawn(watch)?;
        let result = step();
        drop(done);
        let mut report = self.report();
        let value = match result {
            Ok(value) => Some(value),
            Err(e) => {
                report.fail(what, &e.to_string());
                None
            }
        };
        report.save()?;
        Ok(value)
    }

    /// Adds the rows of the golden passes and their failures.
    pub(super) fn add_golden(&self, rows: Vec<Value>, failures: &[String]) -> Result<(), Failure> {
        let mut report = self.report();
        report.golden = rows;
        failures.iter().for_each(|why| report.fail("golden passes", why));
        report.save()
    }

    /// Adds the row of one size.
    pub(super) fn add_size(&self, row: Value) -> Result<(), Failure> {
        let mut report = self.report();
        report.sizes.push(row);
        report.save()
    }

    /// Adds a row of the wgpu engine.
    #[cfg(feature = "wgpu")]
    pub(super) fn add_graphics(&self, row: Value) -> Result<(), Failure> {
        let mut report = self.report();
        report.graphics.push(row);
        report.save()
    }

    /// Reports something that could not be checked here, which is not a failure.
    pub(super) fn not_run(&self, what: &str, why: &str) -> Result<(), Failure> {
        let mut report = self.report();
        eprintln!("NOT RUN: {what}: {why}");
        report.not_run.push(format!("{what}: {why}"));
        report.save()
    }

    /// Reports a device that is not measured, with the reason: others are.
    #[cfg(feature = "wgpu")]
    pub(super) fn skip(&self, line: String) -> Result<(), Failure> {
        let mut report = self.report();
        eprintln!("skipped: {line}");
        report.skipped.push(line);
        report.save()
    }

    /// Number of checks that could not run.
    pub(super) fn missing(&self) -> usize {
        self.report().not_run.len()
    }

    /// Number of failures.
    pub(super) fn failures(&self) -> usize {
        self.report().failures.len()
    }
}
