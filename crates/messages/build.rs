//! Compiles `proto-schemas` to Rust without protoc.
use std::path::{Path, PathBuf};

use prost::Message;

fn proto_files(dir: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(&path, found)?;
        } else if path.extension().is_some_and(|ext| ext == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new("../../proto-schemas");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    proto_files(&root.join("simward"), &mut files)?;
    let descriptors = protox::compile(&files, [root])?;
    // With the comments: the AsyncAPI document is made of them.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("schemas.bin"), descriptors.encode_to_vec())?;
    prost_build::Config::new()
        .btree_map(["."])
        .include_file("packages.rs")
        .extern_path(".google.protobuf.Timestamp", "crate::Timestamp")
        .type_attribute(".", "#[derive(serde::Serialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}
