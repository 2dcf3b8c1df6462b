#include "core/pipeline/document.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/base/error.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

std::string message_of(const std::string& json) {
  return error_message([&] { parse_document(json, "docs.jsonl:7"); });
}

TEST(Document, ReadsItsMembers) {
  const auto d = parse_document(
      R"({"id": "a", "title": "T", "kind": "book", "language": "English", "text": "x\ny", "group": "g", "more": [1]})",
      "w");
  EXPECT_EQ(d.id, "a");
  EXPECT_EQ(d.title, "T");
  EXPECT_EQ(d.kind, "book");
  EXPECT_EQ(d.language, "English");
  EXPECT_EQ(d.text, "x\ny");
  EXPECT_EQ(d.group, "g");
}

TEST(Document, WithoutAGroupIsItsOwn) {
  const auto d = parse_document(R"({"id": "a", "kind": "k", "language": "l", "text": ""})", "w");
  EXPECT_EQ(d.group, "a");
  EXPECT_EQ(d.title, "");
}

TEST(Document, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(message_of("{").rfind("docs.jsonl:7: the line is no JSON", 0), 0u);
  EXPECT_EQ(message_of("[1]"), "docs.jsonl:7: the document is array, expected an object {...}");
  EXPECT_EQ(message_of(R"({"kind": "k"})"),
            "docs.jsonl:7: the document has no member id; expected {id, kind, language, text, ...}");
  EXPECT_EQ(message_of(R"({"id": 3, "kind": "k"})"), "docs.jsonl:7: member id is int64, expected a string");
  EXPECT_EQ(message_of(R"({"id": "", "kind": "k", "language": "l", "text": "t"})"),
            "docs.jsonl:7: member id is empty; it must name the document");
}

class DocumentFile : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& text) {
    const auto path = std::filesystem::path(testing::TempDir()) / "golong_documents.jsonl";
    std::ofstream(path) << text;
    return path;
  }
  std::string error(const std::string& text) {
    return error_message([&] { read_documents(write(text)); });
  }
  const std::string a_ = R"({"id": "a", "kind": "k", "language": "l", "text": "t"})";
};

TEST_F(DocumentFile, ReadsLinesAndSkipsEmptyOnes) {
  const auto documents =
      read_documents(write(a_ + "\n\n  \n" + R"({"id": "b", "kind": "k", "language": "l", "text": "u"})"));
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[1].text, "u");
}

TEST_F(DocumentFile, NamesTheLine) {
  EXPECT_NE(error(a_ + "\n\n{").find("golong_documents.jsonl:3:"), std::string::npos);
  EXPECT_NE(error(a_ + "\n" + a_).find(":2: the document id \"a\" stands twice"), std::string::npos);
  EXPECT_NE(error("\n").find("no documents"), std::string::npos);
  EXPECT_THROW(read_documents("/nowhere/documents.jsonl"), Error);
}

TEST(Split, Words) {
  EXPECT_EQ(parse_split("train"), Split::train);
  EXPECT_EQ(parse_split("eval"), Split::eval);
  EXPECT_EQ(parse_split("all"), Split::all);
  EXPECT_NE(error_message([] { parse_split("trian"); }).find("did you mean train?"), std::string::npos);
}

TEST(Split, PartsTheGroupsOnceAndByTheirShare) {
  int held_out = 0;
  for (int i = 0; i < 4000; ++i) {
    SourceDocument d{.id = "x" + std::to_string(i), .group = "group " + std::to_string(i)};
    const bool eval = in_split(d, Split::eval, 0.2);
    EXPECT_NE(eval, in_split(d, Split::train, 0.2));
    EXPECT_TRUE(in_split(d, Split::all, 0.2));
    d.id = "another";  // the group decides, not the id
    EXPECT_EQ(in_split(d, Split::eval, 0.2), eval);
    EXPECT_TRUE(!eval || in_split(d, Split::eval, 0.3));  // a larger share holds the same groups and more
    held_out += eval;
  }
  EXPECT_NEAR(held_out, 800, 100);
}

TEST(Split, SharesOfNoneAndAll) {
  const SourceDocument d{.id = "a", .group = "a"};
  EXPECT_FALSE(in_split(d, Split::eval, 0));
  EXPECT_TRUE(in_split(d, Split::train, 0));
  EXPECT_TRUE(in_split(d, Split::eval, 1));
}

}  // namespace
}  // namespace golong
