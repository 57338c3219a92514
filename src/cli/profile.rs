//! Named profiles of camera settings: the options that `live` and `record` share.

use super::failure::Failure;
use gem_live::live::profile::{Profile, ProfileError, folder};
use gem_live::live::{RigHandle, SourceName, Sources};

/// Named settings of cameras and noise filters.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct ProfileArguments {
    /// Load the settings of cameras and noise filters from the profile with this name.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Keep the settings, and every change of them, in the profile with this name.
    #[arg(long, value_name = "NAME")]
    save_profile: Option<String>,
}

impl ProfileArguments {
    /// Gives the profile to the source that will be opened with `handle`.
    ///
    /// # Errors
    /// The profile cannot be read, or the source has no settings.
    pub(super) fn attach(&self, sources: &Sources, handle: &RigHandle) -> Result<(), Failure> {
        if self.profile.is_none() && self.save_profile.is_none() {
            return Ok(());
        }
        if *sources == Sources::One(SourceName::clip()) {
            let options = [
                ("--profile", self.profile.is_some()),
                ("--save-profile", self.save_profile.is_some()),
            ];
            super::common::without_effect("the built-in clip", options)?;
        }
        let folder = folder().ok_or_else(|| ProfileError::NoFolder.to_string())?;
        let profile = Profile::new(&folder, self.profile.as_deref(), self.save_profile.as_deref());
        handle.use_profile(profile.map_err(|e| e.to_string())?);
        Ok(())
    }
}
