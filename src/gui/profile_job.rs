//! Lists, loads and saves profiles on a worker thread: their folder may be on a slow disk.

use super::action::Action;
use super::describe;
use super::wake::{Wake, in_background};
use crate::camera::Control;
use crate::live;
use crate::live::profile::{self, Loaded, ProfileError};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError};

/// What is to be done.
pub(super) enum Job {
    /// Only list the profiles.
    List,
    /// Read the profile with this name.
    Load(String),
    /// Save the controls as the profile with this name.
    Save(String),
}

/// What was done.
enum Outcome {
    Listed,
    Loaded(String, Result<Loaded, ProfileError>),
    Saved(String, Result<(), ProfileError>),
}

/// A thread that does one job.
pub(super) struct ProfileJob(Receiver<(Vec<String>, Outcome)>);

impl ProfileJob {
    /// Starts the thread. `controls` are the present ones of the source.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn start(
        job: Job,
        folder: PathBuf,
        controls: Vec<Control>,
        wake: Wake,
    ) -> std::io::Result<Self> {
        let work = move || {
            let outcome = match job {
                Job::List => Outcome::Listed,
                Job::Load(name) => {
                    let loaded = profile::load(&folder, &name, &controls);
                    Outcome::Loaded(name, loaded)
                }
                Job::Save(name) => {
                    let saved = profile::save(&folder, &name, &controls);
                    Outcome::Saved(name, saved)
                }
            };
            (profile::names(&folder), outcome)
        };
        // Another source may be opened meanwhile; then the result is dropped.
        Ok(Self(in_background("profiles", &wake, work)?))
    }

    /// The names of all profiles, and the actions that the job results in; none while it runs.
    pub(super) fn take(&self) -> Option<(Vec<String>, Vec<Action>)> {
        let (names, outcome) = match self.0.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => (Vec::new(), Outcome::Listed),
        };
        let mut actions = Vec::new();
        let (kind, text) = match outcome {
            Outcome::Listed => return Some((names, actions)),
            Outcome::Saved(name, result) => describe::profile_saved(&name, &result),
            Outcome::Loaded(name, Ok(Loaded { settings, unknown })) => {
                let set = |(name, value): (String, _)| live::Control::Set(name.into(), value);
                actions.extend(settings.into_iter().map(set).map(Action::Control));
                describe::profile_loaded(&name, &unknown)
            }
            Outcome::Loaded(_, Err(e)) => describe::profile_failed(&e),
        };
        actions.push(Action::Notify(kind, text));
        Some((names, actions))
    }
}
