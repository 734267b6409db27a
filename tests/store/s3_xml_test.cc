// Documents as the Amazon S3 API Reference prints them in its examples, as Swift's s3api and other
// work-alikes answer, and documents of somebody who means harm.
#include "s3_xml.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace wale;
using namespace wale::store;

namespace {

template <class F> failure failure_of(F f) {
  try {
    f();
  } catch (const failure& x) {
    return x;
  }
  FAIL("accepted");
  throw;
}

const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

std::string listing(const std::string& inside) {
  return head + "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + inside +
         "</ListBucketResult>";
}

std::string entry(const std::string& key) {
  return "<Contents><Key>" + key +
         "</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>1</Size></Contents>";
}

} // namespace

TEST_CASE("a listing of version 2") {
  // API Reference, ListObjectsV2, "Sample Response for general purpose buckets: Listing keys".
  const s3_listing list = parse_listing(listing(R"(
    <Name>bucket</Name><Prefix/><KeyCount>205</KeyCount><MaxKeys>1000</MaxKeys>
    <IsTruncated>false</IsTruncated>
    <Contents>
       <Key>my-image.jpg</Key>
       <LastModified>2009-10-12T17:50:30.000Z</LastModified>
       <ETag>"fba9dede5f27731c9771645a39863328"</ETag>
       <Size>434234</Size>
       <StorageClass>STANDARD</StorageClass>
    </Contents>)"));
  REQUIRE(list.objects.size() == 1);
  CHECK_FALSE(list.truncated);
  CHECK(list.objects[0].key.name == "my-image.jpg");
  CHECK(list.objects[0].size == 434234);
  CHECK(list.objects[0].last_modified == "2009-10-12T17:50:30.000Z");
  // date -u -d 2009-10-12T17:50:30Z +%s
  CHECK(list.objects[0].modified_ns == 1255369830'000000000);
}

TEST_CASE("how a listing goes on") {
  const s3_listing two = parse_listing(
      listing("<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"
              "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=+%20"
              "</NextContinuationToken>"));
  CHECK(two.truncated);
  CHECK(two.next_token == "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=+%20");
  const s3_listing one =
      parse_listing(listing("<IsTruncated>true</IsTruncated><NextMarker>a%2Bb</NextMarker>"
                            "<EncodingType>url</EncodingType>"));
  CHECK(one.next_marker == "a+b");
  const s3_listing bare = parse_listing(listing("<IsTruncated>true</IsTruncated>" + entry("k")));
  CHECK(bare.truncated);
  CHECK(bare.next_marker.empty());
  CHECK(bare.next_token.empty());
}

TEST_CASE("keys of listings") {
  const std::string done = "<IsTruncated>false</IsTruncated>";
  const auto key = [&](const std::string& encoding, const std::string& text) {
    return parse_listing(listing(done + encoding + entry(text))).objects.at(0).key.name;
  };
  const std::string url = "<EncodingType>url</EncodingType>";
  // Amazon writes a blank as a plus sign, Python's quote() (Swift) as %20.
  CHECK(key(url, "a+b%2Bc%20d%25e") == "a b+c d%e");
  CHECK(key(url, "%E4%B8%AD/%F0%9F%90%98%01") == "中/🐘\x01");
  CHECK(key(url, "test_file%283%29.png") == "test_file(3).png");
  CHECK(key("", "a+b%41&amp;&lt;&gt;&quot;&apos;&#233;&#x4e2d;") == "a+b%41&<>\"'é中");
  CHECK(key("", "<![CDATA[a<b]]>") == "a<b");
}

TEST_CASE("times of listings") {
  const auto ns = [](const std::string& text) {
    return parse_listing(listing(
                             "<IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>0</Size>"
                             "<LastModified>" +
                             text + "</LastModified></Contents>"))
        .objects.at(0)
        .modified_ns;
  };
  CHECK(ns("2026-11-20T18:45:57.123Z") == 1795200357'123000000);
  CHECK(ns("2026-11-20T18:45:57Z") == 1795200357'000000000);
  CHECK(ns("2026-11-20T18:45:57.1234567891Z") == 1795200357'123456789);
  CHECK(ns("2026-11-20T18:45:57+00:00") == 1795200357'000000000);
  CHECK(ns("2026-11-20T20:15:57+01:30") == 1795200357'000000000);
  CHECK(ns("2026-11-20T13:45:57-05:00") == 1795200357'000000000);
  for (const char* wrong :
       {"yesterday",
        "2026-13-20T18:45:57Z",
        "2026-02-30T18:45:57Z",
        "2026-11-20T25:45:57Z",
        "2026-11-20T18:45:57+0200",
        "Fri, 20 Nov 2026 18:45:57 GMT",
        "2026-11-20",
        ""}) {
    INFO(wrong);
    CHECK(failure_of([&] { ns(wrong); }).why() == kind::unavailable);
  }
}

TEST_CASE("what is no listing is refused, never taken for an empty one") {
  const std::string done = "<IsTruncated>false</IsTruncated>";
  const std::string documents[] = {
      "",
      "   ",
      "OK",
      "<html><body>Please log in</body></html>",
      "<!DOCTYPE html><html><head><title>502</title></head></html>",
      head,
      head + "<ListBucketResult>" + done,
      listing(""),
      listing("<IsTruncated>maybe</IsTruncated>"),
      listing(done + "<Contents><Size>1</Size></Contents>"),
      listing(done + "<Contents><Key></Key></Contents>"),
      listing(done + "<Contents><Key>k</Key><Size>-1</Size></Contents>"),
      listing(done + "<Contents><Key>k</Key><Size>18446744073709551616</Size></Contents>"),
      listing(done + "<Contents><Key>k</Key><Size>1 </Size></Contents>"),
      listing(done + "<Contents><Key>k</Key><Size>1</Size></Contents>"),
      listing(done + "<EncodingType>url</EncodingType>" + entry("100%")),
      listing(done + "<EncodingType>url</EncodingType>" + entry("%zz")),
      head + "<Error><Code>InternalError</Code></Error>",
      std::string("\0\0\0\0", 4),
      "\xff\xfe<\0L\0",
  };
  for (const std::string& d : documents) {
    INFO(d);
    const failure f = failure_of([&] { parse_listing(d); });
    CHECK(f.why() == kind::unavailable);
    CHECK(f.text().detail.find("xpected") != std::string::npos);
  }
}

TEST_CASE("entities of its own and depth do no harm") {
  const std::string bomb =
      "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
      "\"&a;&a;&a;&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>"
      "<ListBucketResult><IsTruncated>false</IsTruncated>" +
      entry("&b;&f;") + "</ListBucketResult>";
  CHECK(parse_listing(bomb).objects.at(0).key.name == "&b;&f;");
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i)
    deep += "<a>";
  CHECK_THROWS_AS(parse_listing(deep), failure);
  CHECK_FALSE(parse_error(deep));
}

TEST_CASE("the beginning of an upload in parts") {
  // API Reference, CreateMultipartUpload, "Sample Response for general purpose buckets".
  CHECK(
      parse_upload_id(
          head + "<InitiateMultipartUploadResult>  <Bucket>example-bucket</Bucket>"
                 "<Key>example-object</Key><UploadId>VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5t"
                 "MnRzIHVwbG9hZA</UploadId></InitiateMultipartUploadResult>") ==
      "VXBsb2FkIElEIGZvciA2aWWpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA");
  CHECK_THROWS_AS(
      parse_upload_id("<InitiateMultipartUploadResult><UploadId/></InitiateMultipartUploadResult>"),
      failure);
  CHECK_THROWS_AS(parse_upload_id("<x><UploadId>1</UploadId></x>"), failure);
}

TEST_CASE("uploads under way") {
  // API Reference, ListMultipartUploads, shortened.
  const s3_uploads list = parse_uploads(head + R"(
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>bucket</Bucket><KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker>
  <NextKeyMarker>my-movie.m2ts</NextKeyMarker>
  <NextUploadIdMarker>YW55IGlkZWEgd2h5IGVsdmluZydzIHVwbG9hZCBmYWlsZWQ</NextUploadIdMarker>
  <MaxUploads>3</MaxUploads><IsTruncated>true</IsTruncated>
  <Upload><Key>my-divisor</Key><UploadId>XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5nIG11Y2ggbHVjaw</UploadId>
    <Initiator><ID>arn:aws:iam::111122223333:user/user1</ID></Initiator>
    <StorageClass>STANDARD</StorageClass><Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>
  <Upload><Key>my-movie.m2ts</Key><UploadId>VXBsb2FkIElEIGZvciBlbHZpbmcncyBteS1tb3ZpZS5tMnRzIHVwbG9hZA</UploadId>
    <Initiated>2010-11-10T20:48:33.000Z</Initiated></Upload>
</ListMultipartUploadsResult>)");
  CHECK(list.truncated);
  CHECK(list.next_key_marker == "my-movie.m2ts");
  CHECK(list.next_id_marker == "YW55IGlkZWEgd2h5IGVsdmluZydzIHVwbG9hZCBmYWlsZWQ");
  REQUIRE(list.uploads.size() == 2);
  CHECK(list.uploads[0].key == "my-divisor");
  CHECK(list.uploads[0].id == "XMgbGlrZSBlbHZpbmcncyBub3QgaGF2aW5nIG11Y2ggbHVjaw");
  // date -u -d 2010-11-10T20:48:33Z +%s
  CHECK(list.uploads[0].begun_ns == 1289422113'000000000);
  CHECK_THROWS_AS(
      parse_uploads("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated><Upload><Key>k"
                    "</Key><UploadId>u</UploadId></Upload></ListMultipartUploadsResult>"),
      failure);
}

TEST_CASE("what a removal of several could not remove") {
  // API Reference, DeleteObjects, "General purpose bucket multi-object delete resulting in mixed
  // success/error response".
  const auto failed = parse_removals(head + R"(
<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Deleted><Key>sample1.txt</Key></Deleted>
  <Error><Key>sample2.txt</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error>
</DeleteResult>)");
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].key == "sample2.txt");
  CHECK(failed[0].code == "AccessDenied");
  CHECK(failed[0].message == "Access Denied");
  CHECK(parse_removals("<DeleteResult/>").empty());
  CHECK_THROWS_AS(parse_removals(""), failure);
  CHECK_THROWS_AS(parse_removals("<Error><Code>MalformedXML</Code></Error>"), failure);
}

TEST_CASE("error documents") {
  // S3 User Guide, "Virtual hosting of buckets", and API Reference, "REST error responses".
  const auto moved = parse_error(head + R"(
<Error><Code>PermanentRedirect</Code>
  <Message>The bucket you are attempting to access must be addressed using the specified endpoint.</Message>
  <Endpoint>b.s3.eu-west-3.amazonaws.com</Endpoint><Bucket>b</Bucket><Region>eu-west-3</Region>
  <RequestId>4442587FB7D0A2F9</RequestId><HostId>abc=</HostId></Error>)");
  REQUIRE(moved);
  CHECK(moved->code == "PermanentRedirect");
  CHECK(moved->message.starts_with("The bucket you are"));
  CHECK(moved->endpoint == "b.s3.eu-west-3.amazonaws.com");
  CHECK(moved->bucket == "b");
  CHECK(moved->region == "eu-west-3");
  CHECK(moved->request_id == "4442587FB7D0A2F9");
  CHECK(moved->host_id == "abc=");
  const auto terse = parse_error("<Error><Code>BadDigest</Code></Error>");
  REQUIRE(terse);
  CHECK(terse->code == "BadDigest");
  CHECK(terse->message.empty());
  for (const char* other :
       {"",
        "<html><Error><Code>NoSuchKey</Code></Error></html>",
        "NoSuchKey",
        "<Error><Code>NoSuchKey</Code>",
        "<error><code>NoSuchKey</code></error>"}) {
    INFO(other);
    CHECK_FALSE(parse_error(other));
  }
}

TEST_CASE("a completion is a result or an error, blanks before it or not") {
  // API Reference, CompleteMultipartUpload, "Sample Response with error specified in body".
  const s3_completion failed = parse_completion(
      "   \n" + head +
      "\n\n<Error><Code>InternalError</Code><Message>We encountered an internal "
      "error. Please try again.</Message><RequestId>656c76696e6727</RequestId>"
      "</Error>");
  REQUIRE(failed.error);
  CHECK(failed.error->code == "InternalError");
  const s3_completion done = parse_completion(
      head + "<CompleteMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
             "<Location>http://Example-Bucket.s3.amazonaws.com/Example-Object</Location>"
             "<Bucket>Example-Bucket</Bucket><Key>Example-Object</Key>"
             "<ETag>\"3858f62230ac3c915f300c664312c11f-9\"</ETag></CompleteMultipartUploadResult>");
  CHECK_FALSE(done.error);
  CHECK(done.etag == "\"3858f62230ac3c915f300c664312c11f-9\"");
  // Swift's s3api leaves the ETag empty.
  CHECK_FALSE(parse_completion("<CompleteMultipartUploadResult><ETag/>"
                               "</CompleteMultipartUploadResult>")
                  .error);
  for (const char* cut : {"", "  ", "<CompleteMultipartUploadResult><ETag>", "<html/>"}) {
    INFO(cut);
    CHECK_THROWS_AS(parse_completion(cut), failure);
  }
}

TEST_CASE("the list of parts") {
  uploaded_part first;
  first.number = 1;
  first.tag = "\"a54357aff0632cce46d942af68356b38\"";
  uploaded_part second;
  second.number = 2;
  second.tag = "<&>";
  second.checksum = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  CHECK(
      compose_completion({first, second}) ==
      head + "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
             "<Part><PartNumber>1</PartNumber>"
             "<ETag>&quot;a54357aff0632cce46d942af68356b38&quot;</ETag></Part>"
             "<Part><PartNumber>2</PartNumber><ETag>&lt;&amp;&gt;</ETag>"
             "<ChecksumSHA256>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</ChecksumSHA256></Part>"
             "</CompleteMultipartUpload>");
}

TEST_CASE("the list of what to remove") {
  CHECK(
      compose_removal({"a&b", "<x>\"é\r", "]]>"}) ==
      head + "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>"
             "<Object><Key>a&amp;b</Key></Object>"
             "<Object><Key>&lt;x&gt;&quot;é&#13;</Key></Object>"
             "<Object><Key>]]&gt;</Key></Object></Delete>");
}
