//! Training progress: a bar with losses and remaining time on a terminal, lines elsewhere.

use super::interrupt::Finishing;
use gem_live::train::Scores;
use gem_live::train::observer::{Progress, TrainObserver};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// A bar on a terminal; elsewhere one line every 30 seconds.
pub(super) struct TrainingBar {
    bar: Option<ProgressBar>,
    started: Instant,
    limit: Option<Duration>,
    last_printed: Option<Instant>,
    first_step: Option<u64>,
    /// A running mean: the loss of a single batch is too noisy.
    loss: Option<f64>,
    /// Whether it was explained why restored images are worse than the blurry ones.
    explained: bool,
    /// From the first step on, whose state can be saved.
    finishing: Option<Finishing>,
}

impl TrainingBar {
    /// Stops the training after `minutes` of this run, if given.
    pub(super) fn new(minutes: Option<f64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(0).with_style(style)
        });
        let limit = minutes.map(|m| Duration::from_secs_f64(m * 60.0));
        let started = Instant::now();
        Self {
            bar,
            started,
            limit,
            last_printed: None,
            first_step: None,
            loss: None,
            explained: false,
            finishing: None,
        }
    }

    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Formats a duration as hours and minutes, or as seconds below one minute.
fn span(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{} s", seconds.ceil() as u64);
    }
    let minutes = (seconds / 60.0).ceil() as u64;
    if minutes < 60 {
        format!("{minutes} min")
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

impl TrainObserver for TrainingBar {
    fn step(&mut self, p: &Progress) -> bool {
        let first = *self.first_step.get_or_insert(p.step - 1);
        let total = p.losses.total();
        let loss = *self.loss.insert(self.loss.map_or(total, |l| 0.98 * l + 0.02 * total));
        let elapsed = self.started.elapsed();
        let step_seconds = elapsed.as_secs_f64() / (p.step - first).max(1) as f64;
        // Without a number of steps only the time limit ends the training.
        let by_steps = match p.steps {
            0 => f64::INFINITY,
            steps => step_seconds * steps.saturating_sub(p.step) as f64,
        };
        let by_limit = self.limit.map(|limit| limit.saturating_sub(elapsed).as_secs_f64());
        let interrupted = self.finishing.get_or_insert_with(Finishing::new).requested();
        let is_last = interrupted || by_limit == Some(0.0) || p.step == p.steps;
        let left = match is_last {
            true => "finishing".to_owned(),
            false => format!("{} left", span(by_limit.map_or(by_steps, |l| l.min(by_steps)))),
        };
        let named = [
            ("blur", p.losses.blur),
            ("scale", p.losses.scale),
            ("teacher", p.losses.teacher),
            ("guidance", p.losses.guidance),
        ];
        let parts: String = (named.iter().filter(|(_, v)| *v > 0.0))
            .map(|(name, v)| format!(" {name} {v:.3}"))
            .collect();
        let stage = match p.stage {
            0 => String::new(),
            1 => format!("stage 1 epoch {} ", p.epoch),
            n => format!("stage {n} cycle {} epoch {} ", p.cycle, p.epoch),
        };
        let text = format!(
            "{stage}loss {loss:.4}{parts} lr {:.1e} {step_seconds:.2} s/step {left}",
            p.rate,
        );
        match &self.bar {
            Some(bar) => {
                bar.set_length(p.steps.max(p.step));
                bar.set_position(p.step);
                bar.set_message(text);
            }
            None if self.last_printed.is_none_or(|t| t.elapsed() > Duration::from_secs(30)) => {
                println!("step {} {text}", p.step);
                self.last_printed = Some(Instant::now());
            }
            None => {}
        }
        !interrupted && self.limit.is_none_or(|limit| elapsed < limit)
    }

    fn validated(&mut self, step: u64, s: &Scores) {
        let (Some(restored), Some(blurry)) = (s.restored_db, s.blurry_db) else {
            return self.notify(&format!(
                "step {step}: held-out images {:.3} times as sharp as the blurry ones",
                s.sharpness
            ));
        };
        let gains: Vec<_> =
            s.gain_db.iter().map(|(scale, gain)| format!("{gain:+.2} at {scale}")).collect();
        self.notify(&format!(
            "step {step}: held out {restored:.2} dB, blurry {blurry:.2} dB, gain {:+.2} ({}), \
             sharpness {:.3} of the truth's",
            restored - blurry,
            gains.join(", "),
            s.sharpness
        ));
        if restored < blurry && !std::mem::replace(&mut self.explained, true) {
            self.notify(
                "below the blurry images, as expected early in a training that starts from random \
                 weights: with the loss l1 it may take thousands of steps to get above them",
            );
        }
    }

    fn notify(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
    }
}
