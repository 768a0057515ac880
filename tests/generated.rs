//! The committed completions and man pages are those of the current command line.
//!
//! `KVTOOL_REGENERATE=1 cargo test --test generated` writes them anew.

use std::{collections::BTreeSet, fs, path::Path};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn completions_and_man_pages_are_up_to_date() {
    let regenerate = std::env::var_os("KVTOOL_REGENERATE").is_some();
    let files = kvtool::cli::generate::files().unwrap();
    let mut known = BTreeSet::new();
    for (name, content) in files {
        let path = Path::new(ROOT).join(&name);
        if regenerate {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &content).unwrap();
        }
        assert!(
            fs::read(&path).is_ok_and(|committed| committed == content),
            "{name} is not what the command line says now: \
             run KVTOOL_REGENERATE=1 cargo test --test generated and commit the result"
        );
        known.insert(name);
    }
    for directory in ["completions", "man"] {
        for entry in fs::read_dir(Path::new(ROOT).join(directory)).unwrap() {
            let name = format!("{directory}/{}", entry.unwrap().file_name().display());
            if regenerate && !known.contains(&name) {
                fs::remove_file(Path::new(ROOT).join(&name)).unwrap();
                continue;
            }
            assert!(
                known.contains(&name),
                "{name} belongs to no verb: remove it"
            );
        }
    }
}
