<?xml version="1.0" encoding="UTF-8"?>
<!-- xurkunde 1.0 → 1.1: in Version 1.0 kommt jede Urkunde mit der Post; 1.1 sagt das ausdrücklich. -->
<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:alt="urn:amtsbote:xurkunde:1.0" xmlns:u="urn:amtsbote:xurkunde:1.1"
    xmlns:b="urn:amtsbote:xbasis:1.0" exclude-result-prefixes="alt">
  <xsl:mode on-no-match="shallow-copy"/>
  <xsl:template match="/alt:*/@version">
    <xsl:attribute name="version">1.1</xsl:attribute>
  </xsl:template>
  <xsl:template match="alt:*">
    <xsl:element name="u:{local-name()}">
      <xsl:apply-templates select="@* | node()"/>
    </xsl:element>
  </xsl:template>
  <xsl:template match="alt:urkunde.anforderung.0101">
    <u:urkunde.anforderung.0101>
      <xsl:apply-templates select="@*, * except alt:anlage"/>
      <u:zustellweg>post</u:zustellweg>
      <xsl:apply-templates select="alt:anlage"/>
    </u:urkunde.anforderung.0101>
  </xsl:template>
</xsl:stylesheet>
