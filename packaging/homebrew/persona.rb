# SPDX-License-Identifier: MIT
#
# persona.rb - a Homebrew formula that builds a checkout of persona. UNTESTED: the sources compile for aarch64-macos
# (`make check-macos`), but nobody has run this yet. docs/INSTALL.md says how to use it and what is known to differ.
class Persona < Formula
  desc "Persona vectors: extract, transfer and steer, on llama.cpp"
  homepage "https://arxiv.org/abs/2507.21509"
  license "MIT"
  # There is no release to download yet. Homebrew passes on variables that begin with its name.
  head "file://#{ENV.fetch("HOMEBREW_PERSONA_SOURCE", "/usr/local/src/persona")}", using: :git, branch: "main"

  depends_on "bash" => :build
  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "nlohmann-json" => :build
  depends_on "pkgconf" => :build
  depends_on "ggml"
  depends_on "libedit"
  depends_on "libmicrohttpd"
  depends_on "llama.cpp"
  depends_on "openblas"
  depends_on "openssl@3"
  depends_on "sqlite"
  depends_on "yyjson"

  uses_from_macos "curl"

  # Header-only, and in no formula.
  resource "minja" do
    url "https://github.com/google/minja.git",
        revision: "021c2293c187789ef13d56c6cfd89c9b134fd80f"
  end

  def install
    resource("minja").stage buildpath/"minja"
    args = %W[
      -DCMAKE_BUILD_TYPE=Release
      -DPERSONA_SOURCE_DATA=OFF
      -DPERSONA_TESTS=OFF
      -DPERSONA_MINJA=#{buildpath}/minja/include
    ]
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", *args, *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    assert_match "persona", shell_output("#{bin}/persona --version")
    assert_match "silly", shell_output("#{bin}/persona traits list")
  end
end
