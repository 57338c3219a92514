//! YAML configurations and recipes.

#![no_main]

use gem_live::formats::{config::Config, input::decode_text, yaml};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = decode_text(data) {
        let _ = Config::parse(&text);
        let _ = yaml::parse::<gem_live::train::recipe::TrainingRecipe>(&text);
    }
});
