//! Compiles the messages of the `raft` crate, as its build script asks.
//!
//! The crate that this one stands in for runs `protoc`: one from the path, one that it brings along
//! for a few systems, or the one that `PROTOC` names, and then it fails when that is version 4 or
//! later. Here it is the compiler that builds our own messages, so a plain `cargo build` depends on
//! nothing outside.

use protobuf::Message;
use protobuf::descriptor::FileDescriptorSet;
use protobuf_codegen::Customize;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// What to compile.
#[derive(Default)]
pub struct Builder {
    directory: PathBuf,
    includes: Vec<String>,
}

impl Builder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All contracts of this directory.
    pub fn search_dir_for_protos(&mut self, directory: &str) -> &mut Self {
        self.directory = directory.into();
        self
    }

    /// Where they may import from, as far as that exists.
    pub fn includes<T: ToString>(&mut self, includes: &[T]) -> &mut Self {
        let includes = includes.iter().map(T::to_string);
        self.includes = includes.filter(|path| Path::new(path).exists()).collect();
        self
    }

    /// They may import the options of the generator. The compiler knows Google's own contracts.
    pub fn include_google_protos(&mut self) -> &mut Self {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
        self.includes.push(own.to_owned());
        self
    }

    /// Writes a module for each contract, and one that names them, to `OUT_DIR/protos`.
    pub fn generate(&self) {
        let out = Path::new(&env::var("OUT_DIR").expect("run by cargo")).join("protos");
        fs::create_dir_all(&out).expect("the output directory can be written");
        let mut files: Vec<PathBuf> = fs::read_dir(&self.directory)
            .expect("the directory of contracts can be read")
            .map(|entry| {
                entry
                    .expect("the directory of contracts can be read")
                    .path()
            })
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "proto")
            })
            .collect();
        files.sort();
        let mut compiler = protox::Compiler::new(&self.includes).expect("the includes exist");
        compiler.include_imports(true).include_source_info(true);
        // As bytes: they keep the options that say how to generate.
        let compiled = compiler
            .open_files(&files)
            .expect("the contracts are right");
        let descriptors =
            FileDescriptorSet::parse_from_bytes(&compiled.encode_file_descriptor_set());
        let descriptors = descriptors.expect("the compiler writes descriptors");
        let names: Vec<String> = files
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        let generate = Customize::default();
        protobuf_codegen::gen_and_write(descriptors.get_file(), &names, &out, &generate)
            .expect("the modules can be written");
        let modules = files.iter().filter_map(|path| path.file_stem()?.to_str());
        let modules = modules.map(|module| format!("pub mod {module};\n"));
        fs::write(out.join("mod.rs"), modules.collect::<String>())
            .expect("the modules can be written");
    }
}
