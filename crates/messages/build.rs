//! Compiles `proto-schemas` to Rust without protoc.
use std::path::{Path, PathBuf};

use prost::Message;
use prost_build::{Method, Service, ServiceGenerator};

/// Writes, beside the messages of a package, a module `rpc` with a type for the service that answers its methods, whichever
/// file declares them, and one for each method.
#[derive(Default)]
struct Methods(Vec<Service>);

impl ServiceGenerator for Methods {
    fn generate(&mut self, service: Service, _: &mut String) {
        self.0.push(service);
    }

    fn finalize_package(&mut self, package: &str, text: &mut String) {
        let (own, others) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|service: &Service| service.package == package);
        self.0 = others;
        let methods: Vec<&Method> = own.iter().flat_map(|service| &service.methods).collect();
        if methods.is_empty() {
            return;
        }
        let names: Vec<String> = methods
            .iter()
            .map(|method| format!("{:?}", method.proto_name))
            .collect();
        let word = subject_word(package);
        let service = service_name(word);
        text.push_str(&format!(
            "/// The methods `rpc.v1.{word}.*`.
pub mod rpc {{
    /// Whoever answers them.
    #[derive(Debug, Clone, Copy)]
    pub struct {service};

    impl crate::RpcService for {service} {{
        const NAME: &'static str = {word:?};
        const METHODS: &'static [&'static str] = &[{names}];
    }}
",
            names = names.join(", "),
        ));
        for method in methods {
            text.push_str(&marker(&service, method));
        }
        text.push_str("}\n");
    }
}

/// `sim` is answered by the `SimService`.
fn service_name(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    format!("{}{rest}Service", first.to_uppercase())
}

/// `simward.sim.v1` is `sim` in a subject.
fn subject_word(package: &str) -> &str {
    package.split('.').nth(1).unwrap_or(package)
}

/// The type of a method is named by its request.
fn marker(service: &str, method: &Method) -> String {
    let request = method.input_type.rsplit("::").next().unwrap_or_default();
    let name = request.strip_suffix("Request").unwrap_or(request);
    format!(
        "
    ///{comment}
    #[derive(Debug, Clone, Copy)]
    pub struct {name};

    impl crate::RpcMethod for {name} {{
        type Service = {service};
        type Request = super::{input};
        type Response = super::{output};
        const METHOD: &'static str = {word:?};
    }}
",
        comment = method.comments.leading.concat(),
        input = method.input_type,
        output = method.output_type,
        word = method.proto_name,
    )
}

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
        .service_generator(Box::new(Methods::default()))
        .compile_fds(descriptors)?;
    Ok(())
}
