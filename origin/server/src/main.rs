fn main() -> std::process::ExitCode {
    sluicegate_origin::program::main()
}
